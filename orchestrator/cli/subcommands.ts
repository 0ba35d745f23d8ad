/**
 * The subcommands by name: how each is called, and what it runs.
 *
 * @module
 */
import { repairMemory, reportHealth, stopSignal } from "../../lib/process/program.ts";
import type { Settings, Values } from "../../lib/process/settings.ts";
import { withTls } from "../../lib/process/tls_settings.ts";
import { serve } from "../serve.ts";
import { SERVE } from "../settings.ts";
import * as commands from "./commands.ts";
import { CLIENT, LIST, PAUSE, REPAIR, RESULT, RETRY, SUBMIT } from "./flags.ts";
import { result, watch } from "./follow.ts";
import { makeSecrets } from "./make_secrets.ts";
import type { Remote } from "./remote.ts";
import { submit } from "./submit.ts";
import { withRemote } from "./with_remote.ts";

/** A subcommand whose flags have been read with `settings`. */
export interface Subcommand {
  /** The words that follow its name, as in `TASK`. */
  readonly usage: string;
  /** How many words may follow its name. */
  readonly words: readonly [min: number, max: number];
  readonly help: string;
  readonly settings: Settings;
  /** Returns the exit code. */
  readonly run: (words: string[], values: never) => Promise<number>;
}

interface Description<S extends Settings> {
  /** By default no word may follow the name. */
  readonly usage?: string;
  readonly words?: readonly [min: number, max: number];
  readonly help: string;
  readonly settings: S;
}

/** A subcommand that works on its own. */
function local<const S extends Settings>(
  { usage = "", words = [0, 0], help, settings }: Description<S>,
  run: (words: string[], values: Values<S>) => Promise<number>,
): Subcommand {
  return { usage, words, help, settings, run };
}

/** A subcommand that asks a running orchestrator. */
function remote<const S extends typeof CLIENT>(
  description: Description<S>,
  run: (remote: Remote, words: string[], values: Values<S>) => Promise<number>,
): Subcommand {
  return local(
    description,
    (words, values) => withRemote(values, (remote) => run(remote, words, values)),
  );
}

/** A word that names the task. */
const TASK = { usage: "TASK", words: [1, 1] } as const;

/** All subcommands, in the order of the help. */
export const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  serve: local(
    { help: "Run the orchestrator and show the dashboard", settings: SERVE },
    (_, values) => serve(values, stopSignal()),
  ),
  submit: remote({
    usage: "[FILE…|GLOB…|-]",
    words: [0, 100],
    help: "Submit files of the inbox, a text or stdin",
    settings: SUBMIT,
  }, submit),
  get: remote({ ...TASK, help: "Show a task", settings: CLIENT }, commands.get),
  list: remote({ help: "Show tasks, newest first", settings: LIST }, commands.list),
  watch: remote(
    { ...TASK, help: "Show a task's events until it has ended", settings: CLIENT },
    watch,
  ),
  result: remote({ ...TASK, help: "Print a task's result", settings: RESULT }, result),
  cancel: remote({ ...TASK, help: "Cancel a task", settings: CLIENT }, commands.cancel),
  retry: remote(
    { ...TASK, help: "Retry a dead or cancelled task", settings: RETRY },
    commands.retry,
  ),
  why: remote(
    { ...TASK, help: "Explain why a task is where it is", settings: CLIENT },
    commands.why,
  ),
  pause: remote(
    { help: "Pause an agent or a pipeline until resume, across restarts", settings: PAUSE },
    commands.pause,
  ),
  resume: remote(
    { help: "Resume a paused agent or pipeline", settings: PAUSE },
    commands.resume,
  ),
  agents: remote(
    { help: "Show the agents; exit code 1 if one is down", settings: CLIENT },
    commands.agents,
  ),
  dashboard: remote(
    { help: "Show the dashboard of a running orchestrator", settings: CLIENT },
    (remote, _, values) => commands.dashboard(remote, values, stopSignal()),
  ),
  health: local(
    { help: "Show the health of the orchestrator on this machine", settings: CLIENT },
    async (_, values) => reportHealth(values.port, values.json, await withTls(values)),
  ),
  call: remote({
    usage: "TYPE [JSON]",
    words: [1, 2],
    help: "Send any request and print the reply",
    settings: CLIENT,
  }, commands.call),
  repair: local(
    { help: "Report damage in the orchestrator's memory, and repair it", settings: REPAIR },
    (_, values) => repairMemory("orchestrator", values["accept-loss"]),
  ),
  secret: local({
    usage: "[FILE…]",
    words: [0, 100],
    help: "Make a secret in each file that has none; by default in secret/token",
    settings: {},
  }, makeSecrets),
};
