/**
 * The room that keeps tasks on disk, so that every task goes on after a crash where it stood.
 *
 * What enters: each step of a task. `TaskLog` takes the steps of its life, `CallLog` those of its
 * calls, and `PageLog` those of its pages. What leaves: tasks, events and replies.
 *
 * All of them write through one `TaskStore`, and nothing else writes tasks to the memory. Start
 * reading at `Task`, then `TaskLog`.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import type { JsonObject } from "../../lib/json.ts";
import { toWire } from "../../lib/wire/protocol.ts";
import { SYSTEM, type System } from "../../lib/system.ts";
import { estimateBytes } from "../../lib/json_size.ts";
import { CallLog } from "./call_log.ts";
import { PageLog } from "./page_log.ts";
import { Retention, type RetentionLimits } from "./retention.ts";
import { isFinal, type Task, type TaskEvent, unlessCancelling } from "./task.ts";
import { TaskIds } from "./task_ids.ts";
import { GENERATIONS, type Group, INPUT, outputKey } from "./task_keys.ts";
import { type Entries, TaskStore } from "./task_store.ts";

/** What a client submits. */
export interface NewTask {
  readonly pipeline: string;
  readonly input: JsonObject;
  readonly label: string;
  readonly key: string | null;
  readonly digest: string;
  readonly deadlineMs: number;
}

/** What a retry redoes although it is done. */
export interface RetryPlan {
  /** The call to begin with. */
  readonly from: string;
  /** The calls that get new request ids: `from` and all after it. */
  readonly calls: readonly string[];
  /** The calls whose outputs are forgotten. */
  readonly outputs: readonly string[];
  /** Whether the pages are forgotten. */
  readonly pages: boolean;
}

/** The only writer of tasks. Methods that are async resolve when the step is on disk. */
export class TaskLog {
  /** The steps of the tasks' calls. */
  readonly calls: CallLog;
  /** The steps of the tasks' pages. */
  readonly pages: PageLog;
  readonly #system: Pick<System, "clock" | "random">;
  readonly #store: TaskStore;
  readonly #ids: TaskIds;
  readonly #retention: Retention;
  /** Bytes of the input of each task that has not ended. */
  readonly #inputs = new Map<string, number>();
  #inputBytes = 0;

  /** @param memory stays its owner's, who closes it */
  constructor(
    memory: Memory,
    retention: Partial<RetentionLimits> = {},
    system: Pick<System, "clock" | "random"> = SYSTEM,
  ) {
    this.#system = system;
    this.#store = new TaskStore(memory, system.clock);
    this.calls = new CallLog(this.#store);
    this.pages = new PageLog(this.#store);
    this.#retention = new Retention(retention);
    const tasks = [...this.tasks()];
    this.#ids = new TaskIds(system, tasks.at(-1)?.task);
    for (const { task, state } of tasks) {
      if (!isFinal(state)) this.#countInput(task, this.input(task)!);
    }
    const ended = tasks.filter(({ state }) => isFinal(state));
    ended.sort((a, b) => Date.parse(a.ended_at!) - Date.parse(b.ended_at!));
    for (const task of ended) this.#retain(task);
  }

  /** All tasks, in the order in which they were submitted. */
  tasks(): Generator<Task> {
    return this.#store.tasks();
  }

  /** Whether the disk has no room for further tasks. */
  get full(): boolean {
    return this.#store.full;
  }

  /** Returns the task as it is on disk. */
  get(id: string): Task | undefined {
    return this.#store.get(id);
  }

  /** What the inputs of all tasks that have not ended take in memory, as `estimateBytes()` counts. */
  get inputBytes(): number {
    return this.#inputBytes;
  }

  /** Returns the task with this idempotency key; resolves when the task is on disk. */
  byKey(key: string): Promise<Task> | undefined {
    return this.#store.byKey(key);
  }

  /** Returns what the task was submitted with, as long as the task may run. */
  input(id: string): JsonObject | undefined {
    return this.#store.entry(id, INPUT) as JsonObject | undefined;
  }

  /** Returns the events with a number above `after`, oldest first. */
  events(id: string, after: number): TaskEvent[] {
    return this.#store.events(id, after);
  }

  /** Returns how much of its time the task has left, in milliseconds; negative after its deadline. */
  remainingMs(id: string): number {
    return this.#store.remainingMs(id);
  }

  /** Resolves at the first step of the task that reaches the disk after this call. */
  changed(id: string): Promise<void> {
    return this.#store.changed(id);
  }

  /** Writes a new task, which is `queued`. */
  async create({ pipeline, input, label, key, digest, deadlineMs }: NewTask): Promise<Task> {
    const task: Task = {
      task: this.#ids.next(),
      pipeline,
      label,
      key,
      digest,
      state: "queued",
      stage: null,
      failed_attempts: 0,
      pages: 0,
      submitted_at: this.#timestamp(),
      started_at: null,
      ended_at: null,
      deadline_ms: deadlineMs,
      spent_ms: 0,
      events: 0,
      error: null,
      headline: null,
    };
    this.#countInput(task.task, input);
    try {
      return await this.#store.create(task, { kind: "submitted" }, { [INPUT]: input });
    } catch (error) {
      this.#discountInput(task.task);
      throw error;
    }
  }

  /** Notes that the task runs, for the first time or again after a restart. */
  async started(id: string): Promise<void> {
    const latest = this.#store.latest(id);
    const started_at = latest.started_at ?? this.#timestamp();
    const state = unlessCancelling(latest.state, "running");
    await this.#store.write(id, { state, started_at }, { kind: "started" });
  }

  /** Notes that the task is being cancelled; does nothing if it has ended meanwhile. */
  async cancelling(id: string): Promise<void> {
    if (isFinal(this.#store.latest(id).state)) return;
    await this.#store.write(id, { state: "cancelling" }, { kind: "cancelling" });
  }

  /**
   * Ends a task. Its events stay. A task that is done keeps its result, and any other task what a
   * retry needs. Older tasks beyond the retention are dropped.
   */
  async end(
    id: string,
    state: "done" | "dead" | "cancelled",
    { error, headline = null }: { error?: CodedError; headline?: string | null } = {},
  ): Promise<void> {
    const wire = error === undefined ? null : toWire(error, String);
    const { stage } = this.#store.latest(id);
    const ended = await this.#store.write(
      id,
      { state, ended_at: this.#timestamp(), error: wire, headline },
      {
        kind: state,
        ...(state === "dead" && stage !== null ? { stage } : {}),
        ...(wire === null ? {} : { error: wire as JsonObject }),
      },
      state === "done" ? this.#removal(id, "work", (key) => key !== outputKey(stage!)) : {},
    );
    this.#discountInput(id);
    this.#retain(ended);
    this.#dropExpired();
    this.#dropWork();
  }

  /**
   * Queues a dead or cancelled task again, with all its time. It goes on with the call that has
   * failed, under the same request id; or it follows `plan`, whose calls get new request ids because
   * agents answer the old ones from memory.
   *
   * @throws {CodedError} `conflict` if the task has not ended, `not_found` if its input is not kept
   */
  async retry(id: string, plan?: RetryPlan): Promise<Task> {
    const { state } = this.#store.latest(id); // `get` would let two retries at once both pass
    if (!isFinal(state)) throw new CodedError("conflict", `Cannot retry ${id}: it is ${state}`);
    const input = this.input(id);
    if (input === undefined) {
      throw new CodedError("not_found", `Cannot retry ${id}: its input is not kept any more`);
    }
    const ended = this.#retention.remove(id);
    const change = { stage: null, failed_attempts: 0, ended_at: null, error: null, spent_ms: 0 };
    try {
      const queued = await this.#store.write(
        id,
        { ...change, state: "queued", ...(plan?.pages ? { pages: 0 } : {}) },
        { kind: "retried", ...(plan === undefined ? {} : { stage: plan.from }) },
        plan === undefined ? {} : this.#redo(id, plan),
      );
      this.#countInput(id, input);
      return queued;
    } catch (error) {
      this.#retention.add(ended); // after tasks that ended later, so it is dropped later: harmless
      throw error;
    }
  }

  /** Removes what a retry redoes, and raises the generation of its calls. */
  #redo(id: string, { calls, outputs, pages }: RetryPlan): Entries {
    const generations = this.calls.generations(id);
    const next = 1 + Math.max(1, ...Object.values(generations));
    return {
      ...(pages ? this.#removal(id, "pages") : {}),
      ...Object.fromEntries(outputs.map((call) => [outputKey(call), undefined])),
      [GENERATIONS]: { ...generations, ...Object.fromEntries(calls.map((call) => [call, next])) },
    };
  }

  #timestamp(): string {
    return this.#system.clock.date().toISOString();
  }

  #countInput(id: string, input: JsonObject): void {
    const bytes = estimateBytes(input);
    this.#inputs.set(id, bytes);
    this.#inputBytes += bytes;
  }

  #discountInput(id: string): void {
    this.#inputBytes -= this.#inputs.get(id) ?? 0;
    this.#inputs.delete(id);
  }

  #retain({ task, state, ended_at }: Task): void {
    const bytes = this.#store.bytes(task, "work"); // of a task that is done, only the result is left
    const [resultBytes, workBytes] = state === "done" ? [bytes, 0] : [0, bytes];
    const eventBytes = this.#store.bytes(task, "events");
    this.#retention.add({ task, at: Date.parse(ended_at!), resultBytes, eventBytes, workBytes });
  }

  #dropExpired(): void {
    const now = this.#system.clock.date().getTime();
    for (const id of this.#retention.takeExpired(now)) this.#store.drop(id);
  }

  /** Removes the work of tasks beyond the retention, which can't be retried any more. */
  #dropWork(): void {
    for (const id of this.#retention.takeWork()) {
      this.#store.note(id, {}, undefined, this.#removal(id, "work"));
    }
  }

  /** Returns the change that removes a group of entries, or those whose key `matches`. */
  #removal(id: string, group: Group, matches = (_key: string): boolean => true): Entries {
    const keys = this.#store.keys(id, group).filter(matches);
    return Object.fromEntries(keys.map((key) => [key, undefined]));
  }
}
