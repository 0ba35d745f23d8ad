/**
 * Which tasks run, which wait. Tasks run in the order in which they were submitted, a bounded number
 * at once; a bounded number waits.
 *
 * @module
 */
import { CodedError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { JsonObject } from "../lib/protocol.ts";
import { sleep } from "../lib/retry.ts";
import type { Pipeline } from "./pipelines.ts";
import { runTask, type Surroundings } from "./run_task.ts";
import { isFinal, type Task } from "./task.ts";
import type { TaskLog } from "./task_log.ts";

/** A full disk is tried again after this time. */
const STORAGE_FULL_MS = 1_000;

export interface SchedulerOptions {
  readonly taskLog: TaskLog;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  readonly call: Surroundings["call"];
  /** Tasks that run at once. */
  readonly concurrency: number;
  /** Tasks that may wait; more are refused. */
  readonly queueMax: number;
  readonly log: Log;
}

interface Slot {
  readonly aborter: AbortController;
  readonly ended: Promise<void>;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  #queue: string[] = [];
  readonly #running = new Map<string, Slot>();
  #stopping = false;

  /** Goes on with every task of the log that has not ended. */
  constructor(options: SchedulerOptions) {
    this.#options = options;
    for (const { task, state } of options.taskLog.tasks()) {
      if (!isFinal(state)) this.#queue.push(task);
    }
    this.#fill();
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get running(): number {
    return this.#running.size;
  }

  /** @throws {CodedError} `queue_full` or `draining` where no further task may come */
  assertRoom(): void {
    if (this.#stopping) throw new CodedError("draining", "Cannot take a task: shutting down");
    const { queueMax } = this.#options;
    if (this.waiting < queueMax) return;
    throw new CodedError("queue_full", `Cannot take a task: ${queueMax} wait already`, {
      afterMs: 1_000,
    });
  }

  /** Puts a task of the log behind those that wait. */
  add({ task }: Task): void {
    this.#queue.push(task);
    this.#fill();
  }

  /** Ends a task that has not ended; resolves when it has. */
  async cancel(id: string): Promise<void> {
    const { taskLog } = this.#options;
    const slot = this.#running.get(id);
    const reason = new CodedError("cancelled", "Cancelled by a client");
    if (slot === undefined) {
      this.#queue = this.#queue.filter((waiting) => waiting !== id);
      if (taskLog.get(id)!.state !== "queued") taskLog.cancelling(id);
      return await taskLog.end(id, "cancelled", { error: reason });
    }
    taskLog.cancelling(id);
    slot.aborter.abort(reason);
    await slot.ended;
  }

  /**
   * Begins nothing any more. Calls that are under way may end within `ms`; what has not ended then
   * goes on at the next start.
   */
  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    const slots = [...this.#running.values()];
    const ended = Promise.all(slots.map(({ ended }) => ended));
    const late = new AbortController();
    await Promise.race([ended, sleep(ms, late.signal).catch(() => {})]);
    late.abort();
    for (const { aborter } of slots) aborter.abort(stopped());
    await ended;
  }

  #fill(): void {
    while (!this.#stopping && this.running < this.#options.concurrency && this.waiting > 0) {
      const id = this.#queue.shift()!;
      const aborter = new AbortController();
      const ended = this.#run(id, aborter.signal).finally(() => {
        this.#running.delete(id);
        this.#fill();
      });
      this.#running.set(id, { aborter, ended });
    }
  }

  async #run(id: string, signal: AbortSignal): Promise<void> {
    const { taskLog, pipelines, call, log } = this.#options;
    const task = taskLog.get(id)!;
    const around: Surroundings = {
      log: taskLog,
      call,
      signal,
      mayGoOn: () => {
        if (this.#stopping) throw stopped();
      },
      random: Math.random,
    };
    try {
      if (task.state === "cancelling") return await this.#end(id, cancelled());
      taskLog.started(id);
      const pipeline = pipelines.get(task.pipeline);
      if (pipeline === undefined) throw unknownPipeline(task.pipeline, pipelines);
      const result = await runTask(task, pipeline, around);
      await taskLog.end(id, "done", { headline: headlineOf(result) });
      log("info", "task_done", { task: id, label: task.label });
    } catch (error) {
      await this.#failed(id, error);
    }
  }

  async #failed(id: string, error: unknown): Promise<void> {
    const { log } = this.#options;
    if (error instanceof CodedError && error.code === "draining") return;
    if (error instanceof CodedError && error.code === "storage_failed") return;
    if (error instanceof CodedError && error.code === "storage_full") {
      await sleep(STORAGE_FULL_MS);
      this.#queue.unshift(id);
      return;
    }
    const coded = error instanceof CodedError ? error : internal(error);
    if (coded !== error) log("error", "internal", { task: id, stack: (error as Error).stack });
    try {
      await this.#end(id, coded);
    } catch (failure) {
      await this.#failed(id, failure);
    }
  }

  async #end(id: string, error: CodedError): Promise<void> {
    const state = error.code === "cancelled" ? "cancelled" : "dead";
    await this.#options.taskLog.end(id, state, { error });
    this.#options.log("warn", `task_${state}`, {
      task: id,
      code: error.code,
      reason: error.message,
    });
  }
}

/** @throws {CodedError} `unknown_pipeline` that names those there are */
export function unknownPipeline(name: string, known: ReadonlyMap<string, Pipeline>): CodedError {
  const names = [...known.keys()].join(", ");
  return new CodedError("unknown_pipeline", `Cannot run "${name}": the pipelines are ${names}`);
}

function stopped(): CodedError {
  return new CodedError("draining", "Stopped: shutting down; it goes on at the next start");
}

function cancelled(): CodedError {
  return new CodedError("cancelled", "Cancelled by a client");
}

function internal(error: unknown): CodedError {
  return new CodedError("internal", `Cannot go on: ${(error as Error).message}`, { cause: error });
}

function headlineOf(result: JsonObject): string | null {
  return typeof result.headline === "string" ? result.headline : null;
}
