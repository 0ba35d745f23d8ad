/**
 * Long polling: a reply is held back until its task is ready, the time is over, or nobody waits.
 *
 * @module
 */
import { unlessAborted } from "../../lib/abort.ts";
import { CodedError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/system.ts";
import type { TaskLog } from "../tasks/task_log.ts";

/** Who waits for a reply. */
export interface Caller {
  /** Aborts when the connection ends or this process shuts down. */
  readonly signal: AbortSignal;
  /** The longest that the reply may be held back, in milliseconds, whatever the body asks for. */
  readonly maxMs: number;
}

/** What `longPoll()` waits for, and how long. */
export interface LongPollOptions {
  readonly task: string;
  /** What the request asks for, in milliseconds; 0 does not wait at all. */
  readonly waitMs: number;
  readonly caller: Caller;
  /** Called at once and after each change of the task. What it throws ends the wait. */
  readonly isReady: () => boolean;
}

/**
 * Resolves when `isReady` returns true, or when the time is over.
 *
 * @throws {CodedError} `cancelled` if the connection ends first; if the caller's signal is aborted
 * with a `CodedError`, that error
 */
export async function longPoll(
  taskLog: Pick<TaskLog, "changed">,
  clock: Clock,
  { task, waitMs, caller, isReady }: LongPollOptions,
): Promise<void> {
  if (waitMs === 0) return;
  const { promise: timeout, resolve } = Promise.withResolvers<"timeout">();
  const stopTimer = clock.after(Math.min(waitMs, caller.maxMs), () => resolve("timeout"));
  try {
    while (!isReady()) {
      const next = Promise.race([taskLog.changed(task), timeout]);
      if (await unlessAborted(next, caller.signal).catch(throwCoded) === "timeout") return;
    }
  } finally {
    stopTimer();
  }
}

/** The reason of a connection's end is not a `CodedError`; it would be reported as `internal`. */
function throwCoded(reason: unknown): never {
  if (reason instanceof CodedError) throw reason;
  throw new CodedError("cancelled", "Stopped waiting: the connection has ended", { cause: reason });
}
