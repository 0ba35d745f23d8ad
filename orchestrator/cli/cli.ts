/**
 * The orchestrator's command line: words enter, one subcommand runs, its exit code leaves. The table
 * in `subcommands.ts` is the place to start.
 *
 * @module
 */
import { EXIT, ExitError } from "../../lib/exit.ts";
import { stdout } from "../../lib/process/program.ts";
import { parseSettings, settingsHelp } from "../../lib/process/settings.ts";
import { VERSION } from "../../lib/roles.ts";
import { SUBCOMMANDS } from "./subcommands.ts";

/**
 * Runs the subcommand that `args` begins with and returns its exit code. Without a word it shows the
 * help.
 *
 * @throws {ExitError} `usage` for an unknown subcommand, flag or word, and what the subcommand throws
 */
export async function runCommand(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help") return showHelp();
  if (!Object.hasOwn(SUBCOMMANDS, name)) {
    throw new ExitError("usage", `Cannot do "${name}": see orchestrator --help`);
  }
  const { usage, settings, words: [min, max], run } = SUBCOMMANDS[name];
  const parsed = parseSettings(settings, rest);
  if (parsed.help) return showSubcommandHelp(name);
  if (parsed.rest.length < min || parsed.rest.length > max) {
    throw new ExitError("usage", `Cannot take these words: orchestrator ${name} ${usage}`);
  }
  return await run(parsed.rest, parsed.values as never);
}

function showHelp(): number {
  const lines = Object.entries(SUBCOMMANDS).map(([name, { usage, help }]) =>
    `  ${`${name} ${usage}`.padEnd(26)} ${help}`
  );
  stdout.write(`orchestrator: the orchestrator of Baton ${VERSION}, and its command line

${lines.join("\n")}

Each subcommand has a --help of its own.

The secret is read from the file that AUTH_TOKEN_FILE names, else from AUTH_TOKEN, else from
secret/token. To change it, write two lines: both are accepted, the first is used. If an agent has
a secret of its own, serve reads it from AUTH_TOKEN_FILE_COLLECTOR or AUTH_TOKEN_COLLECTOR, and so
on for each role.

${exitCodes()}
`);
  return EXIT.done;
}

function showSubcommandHelp(name: string): number {
  const { usage, help, settings } = SUBCOMMANDS[name];
  const flags = settingsHelp(settings);
  const parts = [
    `orchestrator ${name} ${usage}`,
    `${help}.`,
    ...(flags === "" ? [] : [flags]),
    exitCodes(),
  ];
  stdout.write(parts.join("\n\n") + "\n");
  return EXIT.done;
}

/** Two lines, so that neither is wider than a terminal. */
function exitCodes(): string {
  const codes = Object.entries(EXIT).map(([word, code]) => `${code} ${word}`);
  const half = Math.ceil(codes.length / 2);
  return `Exit codes: ${codes.slice(0, half).join(", ")},\n${codes.slice(half).join(", ")}`;
}
