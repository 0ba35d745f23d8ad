/**
 * Watches the collector's inbox: what is new in it becomes a task. Files of one stream go one after
 * the other, so that each is compared with the one before it.
 *
 * @module
 */
import { z } from "zod";
import { unlessAborted } from "../lib/abort.ts";
import { CodedError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { checked, type JsonObject } from "../lib/protocol.ts";
import { sleep } from "../lib/retry.ts";
import { isFinal, type State } from "./task.ts";

const SCAN_TIMEOUT_MS = 10_000;
/** After a scan that failed, at least so long. */
const FAILED_MS = 2_000;

/** What of the collector's answer is used here. */
const Scan = z.object({
  files: z.array(z.object({
    path: z.string(),
    stream: z.string(),
    bytes: z.int(),
    modified: z.number(),
  })),
});
type Found = z.infer<typeof Scan>["files"][number];

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
  /** The last task of each stream. */
  const tasks = new Map<string, string>();
  let trouble: string | undefined;
  while (!signal.aborted) {
    let waitMs = everyMs;
    try {
      await unlessAborted(scanOnce(options, tasks), signal);
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

async function scanOnce(
  { scan, submit, get, log }: InboxOptions,
  tasks: Map<string, string>,
): Promise<void> {
  const { files } = checked(Scan, await scan(SCAN_TIMEOUT_MS));
  const settled = (task: JsonObject | undefined): boolean =>
    task === undefined || isFinal(task.state as State);
  for (const [stream, waiting] of Map.groupBy(files, ({ stream }) => stream)) {
    if (!settled(get(tasks.get(stream) ?? ""))) continue;
    for (const file of waiting) {
      const task = await submit(taskFor(file));
      tasks.set(stream, task.task as string);
      if (task.created) log("info", "inbox_file", { path: file.path, task: task.task });
      if (!settled(task)) break; // one that has failed before is passed over
    }
  }
}

/** The key is the file as it is now, so no file is run twice, and one that has grown is run again. */
function taskFor({ path, bytes, modified }: Found): JsonObject {
  return {
    input: { sources: [{ file: path }], only_new: true },
    label: path.slice(-200),
    key: `inbox ${bytes} ${Math.round(modified)} ${path.slice(-200)}`,
  };
}
