/**
 * Which tasks run, which wait. Tasks run in the order in which they were submitted, a bounded number
 * at once; a bounded number waits. Those of a pipeline that is paused wait where they are, and the
 * others pass by.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { JsonObject } from "../../lib/json.ts";
import { sleep } from "../../lib/retry.ts";
import { SYSTEM, type System } from "../../lib/system.ts";
import type { Pauses } from "./pauses.ts";
import type { Pipeline } from "./pipelines.ts";
import { Queue } from "./queue.ts";
import { AnswerBudget } from "./answer_budget.ts";
import { type RunContext, runTask } from "./run_task.ts";
import { isFinal, type Task } from "../tasks/task.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import { WaitTracker } from "./wait_tracker.ts";

/** Of what an agent says in one line; each list of tasks has it. */
const HEADLINE_CHARS_MAX = 500;
/** A disk that takes nothing is tried again after this time. */
const STORAGE_MS = 1_000;
/** See `inputBytesMax`. */
const INPUT_BYTES_MAX = 32 * 1024 * 1024;

export interface SchedulerOptions {
  readonly taskLog: TaskLog;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  readonly call: RunContext["call"];
  readonly pauses: Pick<Pauses, "since">;
  /** Tasks that run at once. */
  readonly concurrency: number;
  /** Tasks that may wait; more are refused. */
  readonly queueMax: number;
  /**
   * So many bytes of memory the inputs of tasks that have not ended may take before more tasks are
   * refused; by default 32 MiB.
   */
  readonly inputBytesMax?: number;
  readonly log: Log;
  readonly system?: Pick<System, "clock" | "random">;
}

/** Where a task stands among those that wait for their turn. */
export interface Place {
  /** Tasks whose turn comes before. */
  readonly ahead: number;
  readonly running: number;
  readonly slots: number;
}

interface Slot {
  readonly aborter: AbortController;
  readonly waits: WaitTracker;
  readonly ended: Promise<void>;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #system: Pick<System, "clock" | "random">;
  readonly #queue: Queue;
  readonly #room = new AnswerBudget();
  /** Tasks that are on their way to the log and then to the queue. */
  #coming = 0;
  readonly #running = new Map<string, Slot>();
  readonly #cancels = new Map<string, Promise<void>>();
  #stopping = false;

  /** Goes on with every task of the log that has not ended. */
  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#system = options.system ?? SYSTEM;
    this.#queue = new Queue(this.#system.clock.now, (id) => this.#mayBegin(id));
    for (const { task, state } of options.taskLog.tasks()) {
      if (!isFinal(state)) this.#queue.push(task);
    }
    this.#fill();
  }

  get waiting(): number {
    return this.#queue.size;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Where a task stands that waits; nothing where it does not. */
  place(id: string): Place | undefined {
    const ahead = this.#queue.ahead(id);
    return ahead === undefined
      ? undefined
      : { ahead, running: this.running, slots: this.#options.concurrency };
  }

  /**
   * Puts the task that `create` notes in the log, as new or as one to retry, behind those that wait.
   *
   * @throws {CodedError} `queue_full` or `draining` where no further task may come
   */
  async add(create: () => Promise<Task>): Promise<Task> {
    this.#assertRoom();
    this.#coming++;
    try {
      const created = await create();
      this.#queue.push(created.task);
      return created;
    } finally {
      this.#coming--;
      this.#fill();
    }
  }

  /** Whether somebody sees to a task: it waits for its turn, runs, or is being ended. */
  owns(id: string): boolean {
    return this.#queue.has(id) || this.#running.has(id) || this.#cancels.has(id);
  }

  /** Takes on a task that nobody sees to. */
  adoptOrphan(id: string): void {
    this.#queue.push(id);
    this.#fill();
  }

  /** Gives every task its turn at once whose time is over while it waits: it ends there. */
  expire(): void {
    if (this.#stopping) return;
    for (const [id] of this.#queue.waits()) {
      if (this.#options.taskLog.leftMs(id) > 0) continue;
      this.#queue.delete(id);
      this.#begin(id);
    }
  }

  /**
   * Each task, and for how many milliseconds it could have gone on: it waits for its turn, or what it
   * waits for should have come.
   */
  *overdue(): Generator<[task: string, ms: number]> {
    yield* this.#queue.waits();
    for (const [id, { waits }] of this.#running) yield [id, waits.overdueMs];
  }

  /** Begins what may run; to be called where a pipeline is not paused any more. */
  dispatch(): void {
    this.#fill();
  }

  /** Ends a task that has not ended; resolves when it has. Asked twice, it is done once. */
  cancel(id: string): Promise<void> {
    const cancel = this.#cancels.get(id) ??
      this.#cancel(id).finally(() => this.#cancels.delete(id));
    this.#cancels.set(id, cancel);
    return cancel;
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
    const isLate = sleep(ms, late.signal, this.#system.clock).catch(() => {}); // they were in time
    await Promise.race([ended, isLate]);
    late.abort();
    for (const { aborter } of slots) aborter.abort(stopped());
    await ended;
  }

  #assertRoom(): void {
    if (this.#stopping) throw new CodedError("draining", "Cannot take a task: shutting down");
    const { queueMax, inputBytesMax = INPUT_BYTES_MAX, taskLog } = this.#options;
    const isFull = this.waiting + this.#coming >= queueMax;
    if (!isFull && taskLog.inputBytes <= inputBytesMax) return;
    const what = isFull
      ? `${queueMax} wait already`
      : `the inputs of those there are take ${taskLog.inputBytes} bytes of memory`;
    throw new CodedError("queue_full", `Cannot take a task: ${what}`, { afterMs: 1_000 });
  }

  async #cancel(id: string): Promise<void> {
    const { taskLog } = this.#options;
    const slot = this.#running.get(id);
    if (slot !== undefined) {
      await taskLog.cancelling(id);
      slot.aborter.abort(cancelled());
      await slot.ended;
      // Where the log took nothing of its start or its end, it waits for its turn again.
      return isFinal(taskLog.get(id)!.state) ? undefined : await this.#cancel(id);
    }
    this.#queue.delete(id);
    try {
      if (taskLog.get(id)!.state !== "queued") await taskLog.cancelling(id);
      await this.#end(id, cancelled());
    } catch (error) {
      this.#queue.putBack(id); // it was not kept, so the task goes on
      this.#fill();
      throw error;
    }
  }

  #fill(): void {
    while (!this.#stopping && this.running < this.#options.concurrency) {
      const id = this.#queue.take();
      if (id === undefined) return;
      this.#begin(id);
    }
  }

  #begin(id: string): void {
    const aborter = new AbortController();
    const waits = new WaitTracker(this.#system.clock);
    const ended = this.#run(id, aborter.signal, waits).finally(() => {
      this.#running.delete(id);
      this.#fill();
    });
    this.#running.set(id, { aborter, waits, ended });
  }

  #mayBegin(id: string): boolean {
    const { taskLog, pauses } = this.#options;
    const { pipeline, state } = taskLog.get(id)!;
    return state === "cancelling" || pauses.since("pipeline", pipeline) === null;
  }

  async #run(id: string, signal: AbortSignal, waits: WaitTracker): Promise<void> {
    const { taskLog, pipelines, call, pauses, log } = this.#options;
    const task = taskLog.get(id)!;
    const around: RunContext = {
      taskLog: taskLog,
      call,
      signal,
      isPaused: (agent) => pauses.since("agent", agent) !== null,
      assertRunning: () => {
        if (this.#stopping) throw stopped();
      },
      system: this.#system,
      waitTracker: waits,
      answerBudget: this.#room,
    };
    try {
      await taskLog.started(id);
      if (taskLog.get(id)!.state === "cancelling") return await this.#end(id, cancelled());
      const pipeline = pipelines.get(task.pipeline);
      if (pipeline === undefined) throw unknownPipeline(task.pipeline, pipelines);
      const result = await runTask(task, pipeline, around);
      await taskLog.end(id, "done", { headline: headlineOf(result) });
      log("info", "task_done", { task: id, label: task.label });
    } catch (error) {
      await this.#failed(id, error, signal, waits);
    }
  }

  async #failed(
    id: string,
    error: unknown,
    signal: AbortSignal,
    waits: WaitTracker,
  ): Promise<void> {
    const { log } = this.#options;
    if (error instanceof CodedError && error.code === "draining") return;
    if (isStorage(error)) return await this.#retryAfterStorage(id, signal, waits);
    const coded = error instanceof CodedError ? error : internal(error);
    if (coded !== error) log("error", "internal", { task: id, stack: (error as Error).stack });
    try {
      await this.#end(id, coded);
    } catch (failure) {
      if (isStorage(failure)) return await this.#retryAfterStorage(id, signal, waits);
      log("error", "internal", { task: id, stack: (failure as Error).stack });
    }
  }

  /** What the log could not keep is done again from where the log stands. */
  async #retryAfterStorage(id: string, signal: AbortSignal, waits: WaitTracker): Promise<void> {
    const pause = sleep(STORAGE_MS, signal, this.#system.clock);
    await waits.within(STORAGE_MS, pause).catch(() => {}); // cancelled or stopped meanwhile
    this.#queue.putBack(id);
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

/** An agent's own trouble with its disk never ends a run, so it is the log's. */
function isStorage(error: unknown): boolean {
  return error instanceof CodedError &&
    (error.code === "storage_full" || error.code === "storage_failed");
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
  return typeof result.headline === "string" ? result.headline.slice(0, HEADLINE_CHARS_MAX) : null;
}
