import type { Site } from "../../lib/launch/launch.ts";
import type { Ran } from "../harness/role_processes.ts";
import { PATIENCE_MS } from "../harness/waiting.ts";

type Command = readonly string[];

const MAIN = new URL("./command_line_main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const EXIT_LINE = /--- exit code (\d+) ---\n/;

/** The line that follows the output of each command. */
export function exitLine(code: number): string {
  return `--- exit code ${code} ---\n`;
}

/** Splits what the commands have written; returns the output and the exit code of each. */
export function splitOutput(written: string): { output: string; code: number }[] {
  const parts = written.split(EXIT_LINE);
  const count = (parts.length - 1) / 2;
  return Array.from({ length: count }, (_, at) => {
    return { output: parts[2 * at], code: Number(parts[2 * at + 1]) };
  });
}

/** Returns the program and the arguments that run all commands of the orchestrator in one process. */
export function commandLine(commands: readonly Command[]): string[] {
  const run = ["run", "--quiet", "--no-check", `--config=${CONFIG}`, "--allow-all"];
  return [Deno.execPath(), ...run, MAIN, JSON.stringify(commands)];
}

/** The variables with which the commands ask the orchestrator of a site. */
export function commandEnv(site: Site): Record<string, string> {
  return { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", BATON_PORT: String(site.ports.orchestrator) };
}

/** Runs commands of the orchestrator, without a terminal and in one process. */
export async function runCommands(site: Site, commands: readonly Command[]): Promise<Ran[]> {
  const [program, ...args] = commandLine(commands);
  const { stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: site.folder,
    env: { ...commandEnv(site), NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => splitOutput(new TextDecoder().decode(bytes)));
  if (out.length !== commands.length || err.length !== commands.length) {
    const last = new TextDecoder().decode(stderr).slice(-1_000);
    throw new Error(`${out.length} of ${commands.length} commands have ended: ${last}`);
  }
  return out.map(({ output, code }, at) => ({ code, stdout: output, stderr: err[at].output }));
}
