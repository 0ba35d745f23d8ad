/**
 * The subcommands by name: how each is called, and what it calls.
 *
 * @module
 */
import {
  integer,
  parseSettings,
  readValue,
  type Settings,
  settingsHelp,
  text,
  type Values,
} from "../../lib/process/settings.ts";
import { CodedError } from "../../lib/errors.ts";
import { EXIT, ExitError } from "../../lib/exit.ts";
import { repairMemory, reportHealth, stdout, stopSignal } from "../../lib/process/program.ts";
import type { JsonObject } from "../../lib/json.ts";
import { readSecret } from "../../lib/process/secret.ts";
import { VERSION } from "../../lib/roles.ts";
import { TLS_CONNECTS, type TlsFiles, withTls } from "../../lib/process/tls_settings.ts";
import * as commands from "./commands.ts";
import { makeSecrets } from "./make_secrets.ts";
import { Remote } from "./remote.ts";
import { serve } from "../serve.ts";
import { PLACE, SERVE } from "../settings.ts";

interface Command {
  /** What follows its name. */
  readonly usage: string;
  readonly help: string;
  readonly settings: Settings;
  /** How many words may follow its name. */
  readonly words: readonly [least: number, most: number];
  readonly run: (words: string[], values: never) => Promise<number>;
}

function command<const S extends Settings>(
  usage: string,
  help: string,
  words: readonly [number, number],
  settings: S,
  run: (words: string[], values: Values<S>) => Promise<number>,
): Command {
  return { usage, help, settings, words, run };
}

const JSON_SWITCH = { json: { help: "Print the reply as JSON" } };
const CLIENT = { ...PLACE, ...TLS_CONNECTS, ...JSON_SWITCH };

function words(value: string, help: string) {
  return { value, fallback: undefined, help, read: text };
}

function seconds(fallback: number, help: string) {
  return { value: "SECONDS", fallback, help, read: integer(0, 86_400) };
}

const SUBMIT = {
  ...CLIENT,
  wait: { help: "Show progress, then print the result" },
  text: words("TEXT", "A text to report on"),
  stream: words("NAME", "Compare with earlier runs of this name; by default the file's"),
  "only-new": { help: "Leave out what was collected from the files before" },
  input: { ...words("JSON", "The pipeline's input as it is, in place of files"), read: object },
  pipeline: { value: "NAME", fallback: "report", help: "What to run", read: text },
  label: words("TEXT", "What people know the task by"),
  key: words("KEY", "Idempotency key: submitted again, it is the same task"),
  deadline: { ...seconds(600, "All the time that the task may take"), read: integer(1, 86_400) },
};

const PAUSE = {
  ...CLIENT,
  agent: words("NAME", "An agent: it is asked nothing new, and its tasks wait"),
  pipeline: words("NAME", "A pipeline: its tasks wait in the queue, and others pass by"),
};

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: command(
    "",
    "Run the orchestrator and show the dashboard",
    [0, 0],
    SERVE,
    (_, values) => serve(values, stopSignal()),
  ),
  submit: command(
    "[FILE…|GLOB…|-]",
    "Submit files of the inbox, or a text, or stdin",
    [0, 100],
    SUBMIT,
    (files, values) => withRemote(values, (remote) => commands.submit(remote, files, values)),
  ),
  get: command(
    "TASK",
    "Show a task",
    [1, 1],
    CLIENT,
    ([task], values) => withRemote(values, (remote) => commands.get(remote, task, values.json)),
  ),
  list: command(
    "",
    "Show tasks, newest first",
    [0, 0],
    {
      ...CLIENT,
      state: words("STATE,…", "Only these states"),
      limit: { value: "N", fallback: 50, help: "At most so many", read: integer(1, 500) },
    },
    (_, values) => withRemote(values, (remote) => commands.list(remote, values)),
  ),
  watch: command("TASK", "Show what happens to a task until it has ended", [1, 1], CLIENT, (
    [task],
    values,
  ) => withRemote(values, (remote) => commands.watch(remote, task, values.json))),
  result: command(
    "TASK",
    "Print a task's result",
    [1, 1],
    { ...CLIENT, wait: seconds(0, "Wait so long for its end") },
    ([task], values) => withRemote(values, (remote) => commands.result(remote, task, values)),
  ),
  cancel: command(
    "TASK",
    "End a task",
    [1, 1],
    CLIENT,
    ([task], values) => withRemote(values, (remote) => commands.cancel(remote, task, values.json)),
  ),
  retry: command(
    "TASK",
    "Try a dead or cancelled task again",
    [1, 1],
    { ...CLIENT, from: words("CALL", "Begin anew with this call; by default with what failed") },
    ([task], values) => withRemote(values, (remote) => commands.retry(remote, task, values)),
  ),
  why: command(
    "TASK",
    "Show why a task stands where it does",
    [1, 1],
    CLIENT,
    ([task], values) => withRemote(values, (remote) => commands.why(remote, task, values.json)),
  ),
  pause: command(
    "",
    "Hold an agent or a pipeline until resume, over restarts too",
    [0, 0],
    PAUSE,
    (_, values) => withRemote(values, (remote) => commands.pauseOrResume(remote, "pause", values)),
  ),
  resume: command(
    "",
    "Let an agent or a pipeline go on",
    [0, 0],
    PAUSE,
    (_, values) => withRemote(values, (remote) => commands.pauseOrResume(remote, "resume", values)),
  ),
  agents: command(
    "",
    "Show the agents: exit 1 where one is down",
    [0, 0],
    CLIENT,
    (_, values) => withRemote(values, (remote) => commands.agents(remote, values.json)),
  ),
  dashboard: command(
    "",
    "Show the dashboard of a running one",
    [0, 0],
    CLIENT,
    (_, values) =>
      withRemote(values, (remote) => commands.dashboard(remote, stopSignal(), values.json)),
  ),
  health: command(
    "",
    "Ask the one on this machine how it is",
    [0, 0],
    CLIENT,
    async (_, values) => reportHealth(values.port, values.json, await withTls(values)),
  ),
  call: command(
    "TYPE [JSON]",
    "Send any request and print the reply",
    [1, 2],
    CLIENT,
    ([type, json = "{}"], values) => {
      const body = readValue(json, "the body", object);
      return withRemote(values, (remote) => commands.call(remote, type, body));
    },
  ),
  repair: command(
    "",
    "Say what damage there is in its memory, and repair it",
    [0, 0],
    { "accept-loss": { help: "Repair it: go on without what is damaged, which is kept aside" } },
    (_, values) => repairMemory("orchestrator", values["accept-loss"]),
  ),
  secret: command(
    "[FILE…]",
    "Make a secret in each file that has none; by default in secret/token",
    [0, 100],
    {},
    makeSecrets,
  ),
};

const EXIT_CODES = `Exit codes: ${
  Object.entries(EXIT).map(([word, code]) => `${code} ${word}`).join(", ")
}`;

/** Runs the subcommand that `args` begin with; gives the exit code. */
export async function runCommand(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help") return showHelp();
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new ExitError("usage", `Cannot do "${name}": see orchestrator --help`);
  }
  const { usage, help, settings, words: [least, most], run } = COMMANDS[name];
  const parsed = parseSettings(settings, rest);
  if (parsed.help) {
    stdout.write(
      `orchestrator ${name} ${usage}\n\n${help}.\n\n${settingsHelp(settings)}\n\n${EXIT_CODES}\n`,
    );
    return EXIT.done;
  }
  if (parsed.rest.length < least || parsed.rest.length > most) {
    throw new ExitError("usage", `Cannot take these words: orchestrator ${name} ${usage}`);
  }
  return await run(parsed.rest, parsed.values as never);
}

async function withRemote(
  { host, port, "tls-ca": ca }: { host: string; port: number } & TlsFiles,
  work: (remote: Remote) => Promise<number>,
): Promise<number> {
  const hostname = host === "0.0.0.0" ? "127.0.0.1" : host;
  const system = await withTls({ "tls-ca": ca });
  using remote = new Remote({ hostname, port }, await readSecret(), system);
  try {
    const code = await work(remote);
    await stdout.flush(); // however slowly it is read: all of it was asked for
    return code;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const details = (error.details ?? []).slice(1).map((detail) => `; ${detail}`).join("");
    throw new ExitError(commands.exitReason(error), `${error.code}: ${error.message}${details}`);
  }
}

function showHelp(): number {
  const lines = Object.entries(COMMANDS).map(([name, { usage, help }]) =>
    `  ${`${name} ${usage}`.padEnd(26)} ${help}`
  );
  stdout.write(`orchestrator: the orchestrator of Baton ${VERSION}, and its command line

${lines.join("\n")}

Each has a --help of its own. The secret comes from the file that AUTH_TOKEN_FILE names, else from
AUTH_TOKEN, else from secret/token. While it is changed it may have two lines: the first is used,
both are accepted. An agent with a secret of its own is asked with the one that serve finds in
AUTH_TOKEN_FILE_COLLECTOR or AUTH_TOKEN_COLLECTOR, and so on by role.

${EXIT_CODES}
`);
  return EXIT.done;
}

function object(json: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new RangeError("it must be a JSON object");
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new RangeError("it must be a JSON object");
}
