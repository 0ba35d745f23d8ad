/**
 * Watches the collector's inbox: what is new in it becomes a task. Files of one stream go one after
 * the other, so that each is compared with the one before it.
 *
 * What is wrong with one file is said of that file, once for each state of it, and keeps no other
 * one waiting.
 *
 * @module
 */
import { z } from "zod";
import { unlessAborted } from "../lib/abort.ts";
import { sha256 } from "../lib/digest.ts";
import { advice, CodedError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { JsonObject } from "../lib/json.ts";
import { validate } from "../lib/wire/protocol.ts";
import { sleep } from "../lib/retry.ts";
import { isFinal, type State } from "./tasks/task.ts";

const SCAN_TIMEOUT_MS = 10_000;
/** After a scan that failed, at least so long. */
const FAILED_MS = 2_000;
/** Streams that have a task under way: the others, as many as there are, leave the queue to clients. */
const UNDER_WAY_MAX = 500;
/** Things that are remembered as said; beyond that all are forgotten, and may be said once more. */
const SAID_MAX = 10_000;

/** No system takes a longer one. */
const Path = z.string().max(4_096);

/** What of the collector's answer is used here, and as much of it as a collector gives. */
const Scan = z.object({
  files: z.array(z.object({
    path: Path,
    stream: Path,
    bytes: z.int(),
    modified: z.number(),
  })).max(1_000),
  too_deep: z.array(Path).max(10).optional(),
});
type FreshFile = z.infer<typeof Scan>["files"][number];

export interface InboxOptions {
  /** Asks the collector. */
  readonly scan: (timeoutMs: number) => Promise<JsonObject>;
  /** Submits a task; gives it as it stands. */
  readonly submit: (body: JsonObject) => Promise<JsonObject>;
  /** A task as it stands. */
  readonly get: (task: string) => JsonObject | undefined;
  readonly everyMs: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Scans until the signal aborts. */
export async function watchInbox(options: InboxOptions): Promise<void> {
  const { everyMs, log, signal } = options;
  const known: WatchState = { tasks: new Map(), said: new Set() };
  let trouble: string | undefined;
  while (!signal.aborted) {
    let waitMs = everyMs;
    try {
      await unlessAborted(scanOnce(options, known), signal);
      trouble = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CodedError)) throw error;
      if (error.code !== trouble) {
        log("warn", "inbox_scan_failed", { code: error.code, reason: error.message });
      }
      trouble = error.code;
      waitMs = Math.max(FAILED_MS, everyMs);
    }
    await sleep(waitMs, signal).catch(() => {}); // stopped meanwhile
  }
}

/** What is known from one scan to the next. */
interface WatchState {
  /** The last task of each stream that has one under way. */
  readonly tasks: Map<string, string>;
  /** What was logged and is not to be logged again. */
  readonly said: Set<string>;
}

async function scanOnce(options: InboxOptions, known: WatchState): Promise<void> {
  const { scan, get, log } = options;
  const { tasks } = known;
  const { files, too_deep = [] } = validate(Scan, await scan(SCAN_TIMEOUT_MS));
  for (const [stream, task] of tasks) if (isSettled(get(task))) tasks.delete(stream);
  for (const folder of too_deep) {
    if (isFirst(known, `folder ${folder}`)) log("warn", "inbox_folder_skipped", { folder });
  }
  for (const [stream, waiting] of Map.groupBy(files, ({ stream }) => stream)) {
    if (tasks.size === UNDER_WAY_MAX) break; // a later scan finds these again
    if (tasks.has(stream)) continue;
    for (const file of waiting) {
      const task = await submitFile(options, known, file);
      if (task === undefined || isSettled(task)) continue; // one that has failed is passed over
      tasks.set(stream, task.task as string);
      break;
    }
  }
}

/** Gives the file's task; nothing where it is refused for good, which is said once. */
async function submitFile(
  { submit, log }: InboxOptions,
  known: WatchState,
  file: FreshFile,
): Promise<JsonObject | undefined> {
  const { path } = file;
  const body = taskFor(file);
  try {
    const task = await submit(body);
    if (task.created) log("info", "inbox_file", { path, task: task.task });
    return task;
  } catch (error) {
    // Whatever may pass concerns all files: the next scan tries again.
    if (!(error instanceof CodedError) || advice(error.code).retry !== "no") throw error;
    const { code, message: reason } = error;
    if (isFirst(known, body.key)) log("warn", "inbox_file_refused", { path, code, reason });
  }
}

function isSettled(task: JsonObject | undefined): boolean {
  return task === undefined || isFinal(task.state as State);
}

function isFirst({ said }: WatchState, what: string): boolean {
  const digest = sha256(what); // a path is long
  if (said.has(digest)) return false;
  if (said.size === SAID_MAX) said.clear();
  said.add(digest);
  return true;
}

/** The key is the file as it is now, so no file is run twice, and one that has grown is run again. */
function taskFor({ path, bytes, modified }: FreshFile) {
  return {
    input: { sources: [{ file: path }], only_new: true },
    label: path.slice(-200),
    key: `inbox ${bytes} ${Math.round(modified)} ${sha256(path)}`,
  };
}
