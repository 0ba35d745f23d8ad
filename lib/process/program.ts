/**
 * What every role's process has around its work: how it begins, is stopped, and ends.
 *
 * @module
 */
import { addressText } from "../address.ts";
import { Client } from "../client/client.ts";
import { CodedError } from "../errors.ts";
import { EXIT, ExitError } from "../exit.ts";
import { LossyWriter } from "../lossy_writer.ts";
import { ResultWriter } from "../result_writer.ts";
import { printable, printableJson, printableLines } from "../printable.ts";
import { repair } from "../disk/repair.ts";
import { memoryFolder } from "../roles.ts";
import type { System } from "../system.ts";

/** How long a process waits at its end for slow pipes. */
const FLUSH_MS = 500;
const HEALTH_MS = 2_000;

export const stdout = new ResultWriter(Deno.stdout);
export const stderr = new LossyWriter(Deno.stderr);

/**
 * Runs a program to its end: its exit code, and for an expected failure one line on stderr. A result
 * that could not be written is such a failure.
 */
export async function runProgram(name: string, program: () => Promise<number>): Promise<never> {
  let code: number;
  try {
    code = await program();
  } catch (error) {
    if (error instanceof ExitError) {
      stderr.write(`${name}: ${printable(error.message, 1000)}\n`);
      code = error.exitCode;
    } else {
      stderr.write(printableLines(`${name}: ${(error as Error).stack ?? error}\n`));
      code = EXIT.failed;
    }
  }
  await stdout.flush(); // however slowly it is read: all of it was asked for
  if (stdout.failure !== undefined) {
    const why = printable(stdout.failure.message, 1000);
    stderr.write(`${name}: Cannot write the result to stdout: ${why}\n`);
    if (code === EXIT.done) code = EXIT.storage_failed;
  }
  return await exit(code);
}

/** Ends the process when what it has said is out. */
export async function exit(code: number): Promise<never> {
  await Promise.all([stdout.lossy.flush(FLUSH_MS), stderr.flush(FLUSH_MS)]);
  Deno.exit(code);
}

/**
 * Resolves at the first SIGTERM or SIGINT; the same one again ends the process at once. The other one
 * does not: Ctrl-C goes to everything that runs on the terminal, and `deno task start`, say, then ends
 * each role with SIGTERM as well.
 */
export function stopSignal(): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
    let told = false;
    Deno.addSignalListener(signal, () => {
      if (told) Deno.exit(code);
      told = true;
      resolve(signal);
    });
  }
  return promise;
}

/** The `health` subcommand: asks the role on this machine how it is and says so. */
export async function reportHealth(
  port: number,
  json: boolean,
  system: Pick<System, "clock" | "net">,
): Promise<number> {
  const address = { hostname: "127.0.0.1", port };
  try {
    using client = await Client.open(address, undefined, system);
    const health = await client.call("health", {}, { timeoutMs: HEALTH_MS });
    const told = Object.entries(health).map(([name, value]) => `${name} ${value}`).join(", ");
    stdout.write((json ? printableJson(health) : printable(told, 4000)) + "\n");
    return health.status === "ok" ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new ExitError("unreachable", `Cannot ask ${addressText(address)}: ${error.message}`);
  }
}

/** The `repair` subcommand: says what keeps the role's memory shut, and takes it away if told to. */
export async function repairMemory(role: string, acceptLoss: boolean): Promise<number> {
  const opens = await repair({
    folder: memoryFolder(role),
    role,
    acceptLoss,
    say: (line) => stdout.write(printableLines(line) + "\n"),
  });
  return opens ? EXIT.done : EXIT.damaged;
}
