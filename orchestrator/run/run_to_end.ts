/**
 * One task in its slot: from its start to an end that is in the log.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { JsonObject } from "../../lib/json.ts";
import { sleep } from "../../lib/retry.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import { type Pipeline, unknownPipeline } from "./pipelines.ts";
import type { RunContext } from "./run_context.ts";
import { runTask } from "./run_task.ts";

/** An agent sends the headline, and each list of tasks shows it. */
const HEADLINE_CHARS_MAX = 500;
/** How long a task waits after the disk has refused a write. */
const STORAGE_RETRY_MS = 1_000;

/**
 * How a task leaves its slot: it has ended in the log; it was stopped and goes on at the next start;
 * or the log could not write, and the task needs another turn.
 */
export type Outcome = "ended" | "stopped" | "not_written";

/** Runs a task until it leaves its slot; never rejects. */
export async function runToEnd(
  pipelines: ReadonlyMap<string, Pipeline>,
  log: Log,
  context: RunContext,
): Promise<Outcome> {
  const { task: id, taskLog } = context;
  const { pipeline: name, label } = taskLog.get(id)!;
  try {
    await taskLog.started(id);
    if (taskLog.get(id)!.state === "cancelling") throw cancelled();
    const pipeline = pipelines.get(name);
    if (pipeline === undefined) throw unknownPipeline(name, pipelines);
    const result = await runTask(pipeline, context);
    await taskLog.end(id, "done", { headline: headlineOf(result) });
    log("info", "task_done", { task: id, label });
    return "ended";
  } catch (error) {
    return await leaveAfter(error, log, context);
  }
}

async function leaveAfter(error: unknown, log: Log, context: RunContext): Promise<Outcome> {
  const { task, taskLog } = context;
  const logInternal = ({ stack }: Error): void => log("error", "internal", { task, stack });
  if (error instanceof CodedError && error.code === "draining") return "stopped";
  if (isStorage(error)) return await waitForStorage(context);
  if (!(error instanceof CodedError)) logInternal(error as Error);
  try {
    await endFailed(taskLog, log, task, error instanceof CodedError ? error : internal(error));
  } catch (failure) {
    if (isStorage(failure)) return await waitForStorage(context);
    logInternal(failure as Error);
  }
  return "ended";
}

/** Ends a task that is not done: `cancelled` if the error says so, else `dead`. */
export async function endFailed(
  taskLog: TaskLog,
  log: Log,
  task: string,
  error: CodedError,
): Promise<void> {
  const state = error.code === "cancelled" ? "cancelled" : "dead";
  await taskLog.end(task, state, { error });
  log("warn", `task_${state}`, { task, code: error.code, reason: error.message });
}

/** Returns the error that ends a task which a client has cancelled. */
export function cancelled(): CodedError {
  return new CodedError("cancelled", "Cancelled by a client");
}

async function waitForStorage({ signal, system, waitTracker }: RunContext): Promise<Outcome> {
  const wait = sleep(STORAGE_RETRY_MS, signal, system.clock);
  await waitTracker.within(STORAGE_RETRY_MS, wait).catch(() => {}); // cancelled or stopped meanwhile
  return "not_written";
}

/** An agent's storage errors never end a run, so this error is the log's. */
function isStorage(error: unknown): boolean {
  return error instanceof CodedError &&
    (error.code === "storage_full" || error.code === "storage_failed");
}

function internal(error: unknown): CodedError {
  return new CodedError("internal", `Cannot go on: ${(error as Error).message}`, { cause: error });
}

function headlineOf(result: JsonObject): string | null {
  return typeof result.headline === "string" ? result.headline.slice(0, HEADLINE_CHARS_MAX) : null;
}
