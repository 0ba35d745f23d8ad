/**
 * Watches the collector's inbox: each new file becomes a task. Files of one stream run one after the
 * other, so that each report compares its file with the one before.
 *
 * A file that is rejected is logged once for each of its versions, and holds up no other file.
 *
 * @module
 */
import { z } from "zod";
import { unlessAborted } from "../lib/abort.ts";
import { sha256 } from "../lib/digest.ts";
import { advice, CodedError } from "../lib/errors.ts";
import type { JsonObject } from "../lib/json.ts";
import type { Log } from "../lib/log.ts";
import { sleep } from "../lib/retry.ts";
import type { Clock } from "../lib/system.ts";
import { validate } from "../lib/wire/protocol.ts";
import { isFinal, type State } from "./tasks/task.ts";

const SCAN_TIMEOUT_MS = 10_000;
/** A scan that failed is repeated after this time, or after `everyMs` if that is longer. */
const FAILED_SCAN_MS = 2_000;
/** Streams with an unfinished task. More would leave no room in the queue for clients. */
const ACTIVE_STREAMS_MAX = 500;
/** Warnings that are not repeated. Beyond that all are forgotten, and may be logged again. */
const WARNINGS_MAX = 10_000;

/** No operating system accepts a longer path. */
const Path = z.string().max(4_096);

/** The part of the collector's reply that is used here, within the collector's own bounds. */
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

/** What the watcher works with. */
export interface InboxOptions {
  /** Asks the collector for new files; rejects after `timeoutMs`. */
  readonly scan: (timeoutMs: number) => Promise<JsonObject>;
  /** Submits a task and returns it, with `created` as the API does. */
  readonly submit: (body: JsonObject) => Promise<JsonObject>;
  /** Returns a task, or `undefined` if it no longer exists. */
  readonly get: (task: string) => JsonObject | undefined;
  /** Time between two scans, in milliseconds. */
  readonly everyMs: number;
  readonly log: Log;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** By default the system's clock. */
  readonly clock?: Clock;
}

/** Scans until the signal aborts. Logs each `CodedError`; any other error is a bug and is thrown. */
export async function watchInbox(options: InboxOptions): Promise<void> {
  const { everyMs, log, signal, clock } = options;
  const state: WatchState = { tasks: new Map(), warned: new Set() };
  let lastCode: string | undefined;
  while (!signal.aborted) {
    let waitMs = everyMs;
    try {
      await unlessAborted(submitFreshFiles(options, state), signal);
      lastCode = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CodedError)) throw error;
      // The link to the collector logs itself that it is unreachable.
      if (error.code !== lastCode && error.code !== "agent_unreachable") {
        log("warn", "inbox_scan_failed", { code: error.code, reason: error.message });
      }
      lastCode = error.code;
      waitMs = Math.max(FAILED_SCAN_MS, everyMs);
    }
    await sleep(waitMs, signal, clock).catch(() => {}); // aborted, which ends the loop
  }
}

/** What is remembered from one scan to the next. */
interface WatchState {
  /** The unfinished task of each stream. */
  readonly tasks: Map<string, string>;
  /** Digests of the warnings that were logged. */
  readonly warned: Set<string>;
}

async function submitFreshFiles(options: InboxOptions, state: WatchState): Promise<void> {
  const { scan, get, log } = options;
  const { tasks } = state;
  const { files, too_deep = [] } = validate(Scan, await scan(SCAN_TIMEOUT_MS));
  for (const [stream, task] of tasks) if (isSettled(get(task))) tasks.delete(stream);
  for (const folder of too_deep) {
    if (isFirstWarning(state, `folder ${folder}`)) log("warn", "inbox_folder_skipped", { folder });
  }
  for (const [stream, fresh] of Map.groupBy(files, ({ stream }) => stream)) {
    if (tasks.size === ACTIVE_STREAMS_MAX) break; // a later scan finds the rest again
    if (tasks.has(stream)) continue;
    for (const file of fresh) {
      const task = await submitFile(options, state, file);
      if (task === undefined || isSettled(task)) continue; // rejected or failed before: the next file
      tasks.set(stream, task.task as string);
      break;
    }
  }
}

/** Returns the file's task, or `undefined` if it is rejected for good. */
async function submitFile(
  { submit, log }: InboxOptions,
  state: WatchState,
  file: FreshFile,
): Promise<JsonObject | undefined> {
  const { path } = file;
  const body = submitBody(file);
  try {
    const task = await submit(body);
    if (task.created) log("info", "inbox_file", { path, task: task.task });
    return task;
  } catch (error) {
    // A temporary error, such as a full queue, concerns all files: the next scan tries again.
    if (!(error instanceof CodedError) || advice(error.code).retry !== "no") throw error;
    const { code, message: reason } = error;
    if (isFirstWarning(state, body.key)) log("warn", "inbox_file_refused", { path, code, reason });
  }
}

function isSettled(task: JsonObject | undefined): boolean {
  return task === undefined || isFinal(task.state as State);
}

function isFirstWarning({ warned }: WatchState, warning: string): boolean {
  const digest = sha256(warning); // takes less memory than a long path
  if (warned.has(digest)) return false;
  if (warned.size === WARNINGS_MAX) warned.clear();
  warned.add(digest);
  return true;
}

/** The key names this version of the file: no version runs twice, and a file that has grown runs again. */
function submitBody({ path, bytes, modified }: FreshFile) {
  return {
    input: { sources: [{ file: path }], only_new: true },
    label: path.slice(-200),
    key: `inbox ${bytes} ${Math.round(modified)} ${sha256(path)}`,
  };
}
