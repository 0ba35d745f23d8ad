/**
 * The room that runs tasks: which task runs, which waits, and how a task gets to its end.
 *
 * What enters: the tasks of the log at the start, then those that clients submit or retry. What
 * leaves: requests to the agents, and each step of a task to the `TaskLog`.
 *
 * `Scheduler` queues tasks and gives them slots. `runToEnd` takes a task through its slot, `runTask`
 * through its stages, and `callWithRetry` makes each call. `Watchdog` sees to it that no task is
 * forgotten. Start reading at `Scheduler`, then `runTask`.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { sleep } from "../../lib/retry.ts";
import { SYSTEM, type System } from "../../lib/system.ts";
import { isFinal, type Task } from "../tasks/task.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import { AnswerBudget } from "./answer_budget.ts";
import type { Pauses } from "./pauses.ts";
import type { Pipeline } from "./pipelines.ts";
import { Queue } from "./queue.ts";
import type { RunContext } from "./run_context.ts";
import { cancelled, endFailed, runToEnd } from "./run_to_end.ts";
import { WaitTracker } from "./wait_tracker.ts";

const INPUT_BYTES_MAX = 32 * 1024 * 1024;
/** How long a client waits before it submits again to a full queue. */
const QUEUE_FULL_RETRY_MS = 1_000;

/** What a scheduler works with, and its limits. */
export interface SchedulerOptions {
  readonly taskLog: TaskLog;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  /** Sends a request to an agent. */
  readonly call: RunContext["call"];
  readonly pauses: Pick<Pauses, "since">;
  /** Tasks that run at once. */
  readonly concurrency: number;
  /** Tasks that may wait; more are rejected. */
  readonly queueMax: number;
  /**
   * Memory for the inputs of tasks that have not ended, in bytes; beyond it tasks are rejected. By
   * default 32 MiB.
   */
  readonly inputBytesMax?: number;
  readonly log: Log;
  readonly system?: Pick<System, "clock" | "random">;
}

/** Where a task stands that waits for its turn. */
export interface QueuePosition {
  /** Tasks that have their turn before it. */
  readonly ahead: number;
  /** Tasks that run. */
  readonly running: number;
  /** Tasks that may run at once. */
  readonly slots: number;
}

/** A task that runs. */
interface Slot {
  readonly aborter: AbortController;
  readonly waitTracker: WaitTracker;
  /** Resolves when the slot is free again. */
  readonly freed: Promise<void>;
}

/**
 * Runs tasks in the order in which they were submitted, a bounded number at once, while a bounded
 * number waits. A task of a paused pipeline keeps its place in the queue, and others pass by.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #system: Pick<System, "clock" | "random">;
  readonly #queue: Queue;
  readonly #answerBudget = new AnswerBudget();
  /** Tasks that are being written to the log, and are not in the queue yet. */
  #adding = 0;
  readonly #slots = new Map<string, Slot>();
  /** Cancels that are under way, by task. */
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
    this.dispatch();
  }

  /** How many tasks wait for their turn. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** How many tasks run. */
  get running(): number {
    return this.#slots.size;
  }

  /** Returns where a task stands in the queue; `undefined` if it does not wait. */
  position(id: string): QueuePosition | undefined {
    const ahead = this.#queue.ahead(id);
    return ahead === undefined
      ? undefined
      : { ahead, running: this.running, slots: this.#options.concurrency };
  }

  /**
   * Queues the task that `create` writes to the log, new or retried.
   *
   * @throws {CodedError} `queue_full` or `draining`, before `create` is called; and what `create`
   * throws
   */
  async add(create: () => Promise<Task>): Promise<Task> {
    this.#assertAdmits();
    this.#adding++;
    try {
      const task = await create();
      this.#queue.push(task.task);
      return task;
    } finally {
      this.#adding--;
      this.dispatch();
    }
  }

  /** Whether a task waits for its turn, runs, or is being cancelled. */
  owns(id: string): boolean {
    return this.#queue.has(id) || this.#slots.has(id) || this.#cancels.has(id);
  }

  /** Queues a task of the log that has no owner. */
  adoptOrphan(id: string): void {
    this.#queue.push(id);
    this.dispatch();
  }

  /** Ends the tasks whose time is over while they wait: each gets its turn at once, and fails. */
  expire(): void {
    if (this.#stopping) return;
    for (const [id] of this.#queue.waits()) {
      if (this.#options.taskLog.remainingMs(id) > 0) continue;
      this.#queue.delete(id);
      this.#begin(id);
    }
  }

  /**
   * Yields each task with how long it has been held up, in milliseconds: runnable in the queue, or
   * waiting in its slot for something that is overdue.
   */
  *overdue(): Generator<[task: string, ms: number]> {
    yield* this.#queue.waits();
    for (const [id, { waitTracker }] of this.#slots) yield [id, waitTracker.overdueMs];
  }

  /** Begins the tasks that may run now; for the caller that ends the pause of a pipeline. */
  dispatch(): void {
    while (!this.#stopping && this.running < this.#options.concurrency) {
      const id = this.#queue.take();
      if (id === undefined) return;
      this.#begin(id);
    }
  }

  /** Cancels a task that has not ended; resolves when it has. A second cancel joins the first. */
  cancel(id: string): Promise<void> {
    const cancel = this.#cancels.get(id) ??
      this.#cancel(id).finally(() => this.#cancels.delete(id));
    this.#cancels.set(id, cancel);
    return cancel;
  }

  /**
   * Begins nothing any more, and aborts the calls that have not ended within `ms`. Tasks that have not
   * ended go on at the next start.
   */
  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    const slots = [...this.#slots.values()];
    const freed = Promise.all(slots.map(({ freed }) => freed));
    const timer = new AbortController();
    const timeout = sleep(ms, timer.signal, this.#system.clock).catch(() => {}); // all were in time
    await Promise.race([freed, timeout]);
    timer.abort();
    for (const { aborter } of slots) aborter.abort(stopped());
    await freed;
  }

  #assertAdmits(): void {
    if (this.#stopping) throw new CodedError("draining", "Cannot take a task: shutting down");
    const { queueMax, inputBytesMax = INPUT_BYTES_MAX, taskLog } = this.#options;
    const isFull = this.waiting + this.#adding >= queueMax;
    if (!isFull && taskLog.inputBytes <= inputBytesMax) return;
    const why = isFull
      ? `${queueMax} tasks wait already`
      : `the inputs of other tasks take ${taskLog.inputBytes} bytes of memory`;
    throw new CodedError("queue_full", `Cannot take a task: ${why}`, {
      afterMs: QUEUE_FULL_RETRY_MS,
    });
  }

  async #cancel(id: string): Promise<void> {
    const { taskLog, log } = this.#options;
    const slot = this.#slots.get(id);
    if (slot !== undefined) {
      await taskLog.cancelling(id);
      slot.aborter.abort(cancelled());
      await slot.freed;
      // If the log could not write the start or the end of the task, it is in the queue again.
      return isFinal(taskLog.get(id)!.state) ? undefined : await this.#cancel(id);
    }
    this.#queue.delete(id);
    try {
      if (taskLog.get(id)!.state !== "queued") await taskLog.cancelling(id);
      await endFailed(taskLog, log, id, cancelled());
    } catch (error) {
      this.#queue.putBack(id); // the log could not write the cancel, so the task goes on
      this.dispatch();
      throw error;
    }
  }

  #mayBegin(id: string): boolean {
    const { taskLog, pauses } = this.#options;
    const { pipeline, state } = taskLog.get(id)!;
    return state === "cancelling" || pauses.since("pipeline", pipeline) === null;
  }

  #begin(id: string): void {
    const { pipelines, log } = this.#options;
    const aborter = new AbortController();
    const waitTracker = new WaitTracker(this.#system.clock);
    const context = this.#contextOf(id, aborter.signal, waitTracker);
    const freed = runToEnd(pipelines, log, context).then((outcome) => {
      if (outcome === "not_written") this.#queue.putBack(id);
      this.#slots.delete(id);
      this.dispatch();
    });
    this.#slots.set(id, { aborter, waitTracker, freed });
  }

  #contextOf(task: string, signal: AbortSignal, waitTracker: WaitTracker): RunContext {
    const { taskLog, call, pauses } = this.#options;
    return {
      task,
      taskLog,
      call,
      signal,
      isPaused: (agent) => pauses.since("agent", agent) !== null,
      assertRunning: () => {
        if (this.#stopping) throw stopped();
      },
      system: this.#system,
      waitTracker,
      answerBudget: this.#answerBudget,
    };
  }
}

function stopped(): CodedError {
  return new CodedError("draining", "Stopped: shutting down; it goes on at the next start");
}
