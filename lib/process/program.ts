/**
 * The life of every program: how it runs, is stopped by a signal, reports, and ends. The room also
 * reads what a program gets from outside: settings.ts reads flags and variables, limits_setting.ts
 * and tls_settings.ts hold settings of all roles that listen, secret.ts reads the shared secret.
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

/** How long a process waits at its end until slow readers have taken its output. */
const FLUSH_MS = 500;
const HEALTH_TIMEOUT_MS = 2_000;

/** The results of a command; the program waits until all of them are written. */
export const stdout = new ResultWriter(Deno.stdout);
/** Logs and failures; some may be lost if nobody reads them. */
export const stderr = new LossyWriter(Deno.stderr);

/**
 * Runs a program, and ends the process with the exit code that it returns. An `ExitError` becomes one
 * line on stderr and its own exit code; a result that could not be written, `storage_failed`. Any
 * other error is a bug: its stack goes to stderr.
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
  await stdout.flush(); // without a time limit: the user asked for all of it
  if (stdout.failure !== undefined) {
    const why = printable(stdout.failure.message, 1000);
    stderr.write(`${name}: Cannot write the result to stdout: ${why}\n`);
    if (code === EXIT.done) code = EXIT.storage_failed;
  }
  return await exit(code);
}

/** Ends the process, after its output is written or 500 ms have passed. */
export async function exit(code: number): Promise<never> {
  await Promise.all([stdout.lossy.flush(FLUSH_MS), stderr.flush(FLUSH_MS)]);
  Deno.exit(code);
}

/**
 * Resolves at the first SIGTERM or SIGINT. If the same signal comes again, the process ends at once.
 * The other signal does not end it: Ctrl-C sends SIGINT to every process of the terminal, and
 * `deno task start` then stops each role with SIGTERM as well.
 */
export function stopSignal(): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
    let isRepeated = false;
    Deno.addSignalListener(signal, () => {
      if (isRepeated) Deno.exit(code);
      isRepeated = true;
      resolve(signal);
    });
  }
  return promise;
}

/**
 * The `health` subcommand: asks the role on this machine for its health, and prints the answer.
 *
 * @returns the exit code: `done` if the role is healthy, otherwise `failed`
 * @throws {ExitError} `unreachable`
 */
export async function reportHealth(
  port: number,
  json: boolean,
  system: Pick<System, "clock" | "net">,
): Promise<number> {
  const address = { hostname: "127.0.0.1", port };
  try {
    using client = await Client.open(address, undefined, system);
    const health = await client.call("health", {}, { timeoutMs: HEALTH_TIMEOUT_MS });
    const text = Object.entries(health).map(([name, value]) => `${name} ${value}`).join(", ");
    stdout.write((json ? printableJson(health) : printable(text, 4000)) + "\n");
    return health.status === "ok" ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new ExitError("unreachable", `Cannot ask ${addressText(address)}: ${error.message}`);
  }
}

/**
 * The `repair` subcommand: prints why the role's memory does not open, and repairs it if the loss of
 * data is accepted.
 *
 * @returns the exit code: `done` if the memory opens, otherwise `damaged`
 */
export async function repairMemory(role: string, acceptLoss: boolean): Promise<number> {
  const opens = await repair({
    folder: memoryFolder(role),
    role,
    acceptLoss,
    say: (line) => stdout.write(printableLines(line) + "\n"),
  });
  return opens ? EXIT.done : EXIT.damaged;
}
