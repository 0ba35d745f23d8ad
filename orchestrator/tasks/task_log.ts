/**
 * The only writer of tasks: each step of a task's life, and what is kept of it for how long.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { toWire } from "../../lib/wire/protocol.ts";
import { SYSTEM, type System } from "../../lib/system.ts";
import { estimateBytes } from "../../lib/json_size.ts";
import { Retention, type RetentionBounds } from "./retention.ts";
import { brief, isFinal, type State, type Task, type TaskEvent } from "./task.ts";
import { type Entries, TaskStore } from "./task_store.ts";

/** What is random in an id. */
const RANDOM_CHARS = 5;

export interface NewTask {
  readonly pipeline: string;
  readonly input: JsonObject;
  readonly label: string;
  readonly key: string | null;
  readonly digest: string;
  readonly deadlineMs: number;
}

/** A page of a task: the cursor that it is asked with until it is through, and whether it is. */
export type PageEntry = { readonly cursor: Json; readonly done: boolean };

/** Parts that are to become one, and the page at which that was decided. */
export type Combination = { readonly names: string[]; readonly page: number };

/** What is there for the calls alone. */
const WORK = /^(input|output|page|last_page|combining|runs|affinity)(\/|$)/;

const EVENTS = /^event\//;
const OUTPUTS = /^output\//;

/** What a retry is to run again though it is through, or nothing of it. */
export interface RetryPlan {
  /** The call to begin with. */
  readonly from: string;
  /** The calls that are made under new request ids: `from`, and those behind it. */
  readonly calls: readonly string[];
  /** Of which calls the outputs go. */
  readonly outputs: readonly string[];
  /** Whether the pages go. */
  readonly pages: boolean;
}

export class TaskLog {
  readonly #system: Pick<System, "clock" | "random">;
  readonly #store: TaskStore;
  readonly #retention: Retention;
  /** What the input of each task that has not ended takes in memory. */
  readonly #inputs = new Map<string, number>();
  #inputBytes = 0;
  #lastAt = 0;

  constructor(
    memory: Memory,
    retention: Partial<RetentionBounds> = {},
    system: Pick<System, "clock" | "random"> = SYSTEM,
  ) {
    this.#system = system;
    this.#store = new TaskStore(memory, system.clock);
    this.#retention = new Retention(retention);
    const found = [...this.tasks()];
    if (found.length > 0) this.#lastAt = timeOf(found.at(-1)!.task);
    for (const { task, state } of found) {
      if (!isFinal(state)) this.#countInput(task, this.input(task)!);
    }
    const ended = found.filter(({ state }) => isFinal(state));
    ended.sort((a, b) => Date.parse(a.ended_at!) - Date.parse(b.ended_at!));
    for (const task of ended) this.#retain(task);
  }

  /** All tasks, in the order in which they were submitted. */
  tasks(): Generator<Task> {
    return this.#store.tasks();
  }

  /** Whether the disk has no room to spare, so that no further task may come. */
  get full(): boolean {
    return this.#store.full;
  }

  get(id: string): Task | undefined {
    return this.#store.get(id);
  }

  /** What the inputs of all tasks that have not ended take in memory, see `weightOf()`. */
  get inputBytes(): number {
    return this.#inputBytes;
  }

  /** The task that was submitted under this idempotency key: resolves with it when it is on disk. */
  byKey(key: string): Promise<Task> | undefined {
    return this.#store.byKey(key);
  }

  /** What it was submitted with, for as long as it may run. */
  input(id: string): JsonObject | undefined {
    return this.#store.entry(id, "input") as JsonObject | undefined;
  }

  /** Which run of a call this is: the first is 1, and each retry that makes it anew counts on. */
  generation(id: string, name: string): number {
    return this.#generations(id)[name] ?? 1;
  }

  /** The address that may have the answer to a request. */
  affinity(id: string, request: string): string | undefined {
    return this.#store.entry(id, `affinity/${request}`) as string | undefined;
  }

  /** What a call has answered, if it is through. */
  output(id: string, name: string): JsonObject | undefined {
    return this.#store.entry(id, `output/${name}`) as JsonObject | undefined;
  }

  /** What all that its calls have answered takes in memory, see `weightOf()`. */
  outputBytes(id: string): number {
    return this.#bytesOf(id, OUTPUTS);
  }

  /** The outputs whose names begin with one of `names` and a dot, by name and in its order. */
  parts(id: string, names: readonly string[]): [name: string, output: JsonObject][] {
    return this.#store.names(id, new RegExp(`^output/(${names.join("|")})\\.`)).sort()
      .map((name) => [name.slice("output/".length), this.#store.entry(id, name) as JsonObject]);
  }

  page(id: string, page: number): PageEntry | undefined {
    return this.#store.entry(id, `page/${page}`) as PageEntry | undefined;
  }

  /** Events later than number `after`, oldest first. */
  events(id: string, after: number): TaskEvent[] {
    return this.#store.events(id, after);
  }

  /** What is left of a task's time, in milliseconds. */
  leftMs(id: string): number {
    return this.#store.leftMs(id);
  }

  /** Resolves when something happens to the task after this is called. */
  changed(id: string): Promise<void> {
    return this.#store.changed(id);
  }

  /** Notes a new task; resolves with it when it is on disk. */
  async create({ pipeline, input, label, key, digest, deadlineMs }: NewTask): Promise<Task> {
    const task: Task = {
      task: this.#newId(),
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
      return await this.#store.create(task, { kind: "submitted" }, { input });
    } catch (error) {
      this.#countInput(task.task);
      throw error;
    }
  }

  /** Its turn has come, for the first time or after a restart. */
  async started(id: string): Promise<void> {
    const started_at = this.#store.latest(id).started_at ?? this.#timestamp();
    const state = this.#unlessCancelling(id, "running");
    await this.#store.write(id, { state, started_at }, { kind: "started" });
  }

  callStarted(id: string, stage: string): void {
    if (this.#store.latest(id).stage === stage) return;
    this.#store.note(id, { stage, failed_attempts: 0 }, { kind: "stage_started", stage });
  }

  /** A request goes to this one of several addresses. */
  async setAffinity(id: string, request: string, address: string): Promise<void> {
    if (this.affinity(id, request) === address) return;
    await this.#store.write(id, {}, undefined, { [`affinity/${request}`]: address });
  }

  /** A request has an outcome, and nobody has its answer. */
  clearAffinity(id: string, request: string): void {
    if (this.affinity(id, request) === undefined) return;
    this.#store.note(id, {}, undefined, { [`affinity/${request}`]: undefined });
  }

  /** A call has failed for good, and with it the task is going to. */
  callFailed(id: string, stage: string): void {
    this.#store.note(id, { stage });
  }

  /** A try has failed and another one follows after `waitMs`. */
  attemptFailed(
    id: string,
    stage: string,
    failure: { attempts: number; error: CodedError; waitMs: number; page?: number },
  ): void {
    const { attempts, error, waitMs, page } = failure;
    const wire = toWire(error, String);
    this.#store.note(
      id,
      { state: this.#unlessCancelling(id, "retry_wait"), failed_attempts: attempts, error: wire },
      { kind: "attempt_failed", stage, page, wait_ms: waitMs, error: brief(wire) as JsonObject },
    );
  }

  /** The next try begins. */
  resumed(id: string): void {
    this.#store.note(id, { state: this.#unlessCancelling(id, "running") });
  }

  /** A page has come: the next one is asked with `cursor`, or there is none where it is `null`. */
  async collected(id: string, page: number, cursor: Json): Promise<void> {
    const own: Record<string, Json> = cursor === null ? { last_page: page } : {};
    const begun = (number: number, cursor: Json): void => {
      // Asked again after a restart, it must not undo the pages behind it: they may be through.
      if (this.page(id, number) === undefined) own[`page/${number}`] = { cursor, done: false };
    };
    begun(page, null);
    if (cursor !== null) begun(page + 1, cursor);
    await this.#store.write(id, {}, undefined, own);
  }

  /** The number of the last page, once it is known. */
  lastPage(id: string): number | undefined {
    return this.#store.entry(id, "last_page") as number | undefined;
  }

  /** A page is through. */
  async pageDone(
    id: string,
    page: number,
    name: string,
    output: JsonObject,
    ms: number,
  ): Promise<void> {
    const { pages } = this.#store.latest(id);
    await this.#store.write(
      id,
      { pages: pages + 1 },
      { kind: "page_done", page, ms },
      { [`output/${name}`]: output, [`page/${page}`]: { cursor: null, done: true } },
    );
  }

  /** These parts and no others become one: after a restart the call is the same. */
  async combining(id: string, combination: Combination): Promise<void> {
    await this.#store.write(id, {}, undefined, { combining: combination });
  }

  /** What `combining` has noted and `combined` has not. */
  combination(id: string): Combination | undefined {
    return this.#store.entry(id, "combining") as Combination | undefined;
  }

  /** Several parts have become one. */
  async combined(
    id: string,
    names: readonly string[],
    name: string,
    output: JsonObject,
  ): Promise<void> {
    const gone = Object.fromEntries(names.map((part) => [`output/${part}`, undefined]));
    const own = { ...gone, combining: undefined, [`output/${name}`]: output };
    await this.#store.write(id, {}, undefined, own);
  }

  /** A call is through; what came before it stays, for a retry. */
  async callDone(id: string, stage: string, output: JsonObject, ms: number): Promise<void> {
    await this.#store.write(
      id,
      { stage, failed_attempts: 0, error: null }, // that it began may not have been kept
      { kind: "stage_done", stage, ms },
      { [`output/${stage}`]: output },
    );
  }

  /** Nothing where the task has ended meanwhile. */
  async cancelling(id: string): Promise<void> {
    if (isFinal(this.#store.latest(id).state)) return;
    await this.#store.write(id, { state: "cancelling" }, { kind: "cancelling" });
  }

  /**
   * The task is over: its events stay, and its result, or else what a retry needs. Older ones that
   * are kept no longer go.
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
      state === "done" ? this.#without(id, WORK, `output/${stage}`) : {},
    );
    this.#countInput(id);
    this.#retain(ended);
    this.#dropOld();
    this.#dropWork();
  }

  /**
   * Queues a dead or cancelled task again, with all its time: it goes on with what has failed, or
   * where `anew` says. What is run anew gets request ids of its own, since agents answer the old
   * ones from memory; what goes on keeps its ids.
   *
   * @throws {CodedError} `conflict` where it has not ended, `not_found` where too little of it is kept
   */
  async retried(id: string, anew?: RetryPlan): Promise<Task> {
    const { state } = this.#store.latest(id); // of two retries at once, one is
    if (!isFinal(state)) throw new CodedError("conflict", `Cannot retry ${id}: it is ${state}`);
    if (this.input(id) === undefined) {
      throw new CodedError("not_found", `Cannot retry ${id}: its input is kept no longer`);
    }
    const ended = this.#retention.remove(id);
    const change = { stage: null, failed_attempts: 0, ended_at: null, error: null, spent_ms: 0 };
    try {
      const queued = await this.#store.write(
        id,
        { ...change, state: "queued", ...(anew?.pages ? { pages: 0 } : {}) },
        { kind: "retried", ...(anew === undefined ? {} : { stage: anew.from }) },
        anew === undefined ? {} : this.#forgotten(id, anew),
      );
      this.#countInput(id, this.input(id)!);
      return queued;
    } catch (error) {
      this.#retention.add(ended); // behind those that ended after it, which costs nothing
      throw error;
    }
  }

  #forgotten(id: string, { calls, outputs, pages }: RetryPlan): Entries {
    const runs = this.#generations(id);
    const run = 1 + Math.max(1, ...Object.values(runs));
    return {
      ...(pages ? this.#without(id, /^(page|last_page|combining)(\/|$)/) : {}),
      ...this.#without(id, new RegExp(`^output/(${outputs.join("|")})(\\.|$)`)),
      runs: { ...runs, ...Object.fromEntries(calls.map((name) => [name, run])) },
    };
  }

  #generations(id: string): Readonly<Record<string, number>> {
    return (this.#store.entry(id, "runs") ?? {}) as Record<string, number>;
  }

  /** Sorts by the time of submission, one a millisecond; what is random keeps two logs apart. */
  #newId(): string {
    this.#lastAt = Math.max(this.#system.clock.date().getTime(), this.#lastAt + 1);
    const time = this.#lastAt.toString(36).padStart(8, "0");
    const random = Math.floor(this.#system.random() * 36 ** RANDOM_CHARS);
    return `t${time}${random.toString(36).padStart(RANDOM_CHARS, "0")}`;
  }

  #timestamp(): string {
    return this.#system.clock.date().toISOString();
  }

  #unlessCancelling(id: string, state: State): State {
    return this.#store.latest(id).state === "cancelling" ? "cancelling" : state;
  }

  /** Counts the input of a task that goes on, or counts it off where it has ended. */
  #countInput(id: string, input?: JsonObject): void {
    const bytes = input === undefined ? 0 : estimateBytes(input);
    this.#inputBytes += bytes - (this.#inputs.get(id) ?? 0);
    if (input === undefined) this.#inputs.delete(id);
    else this.#inputs.set(id, bytes);
  }

  /** Notes a task that has ended; one that is done can't be tried again. */
  #retain({ task, state, ended_at }: Task): void {
    const bytes = this.#bytesOf(task, WORK); // of what is done its result is left alone
    const [resultBytes, workBytes] = state === "done" ? [bytes, 0] : [0, bytes];
    const eventBytes = this.#bytesOf(task, EVENTS);
    this.#retention.add({ task, at: Date.parse(ended_at!), resultBytes, eventBytes, workBytes });
  }

  #dropOld(): void {
    for (const id of this.#retention.takeOld(this.#system.clock.date().getTime())) {
      this.#store.drop(id);
    }
  }

  /** The work of the ones that ended last stays; the others can't be tried again any more. */
  #dropWork(): void {
    for (const id of this.#retention.takeWork()) {
      this.#store.note(id, {}, undefined, this.#without(id, WORK));
    }
  }

  /** What entries of a task's own take in memory. */
  #bytesOf(id: string, what: RegExp): number {
    return this.#store.names(id, what)
      .reduce((bytes, name) => bytes + estimateBytes(this.#store.entry(id, name)!), 0);
  }

  /** Says of what a task has, and `what` matches, that it goes; all but `but`. */
  #without(id: string, what: RegExp, but?: string): Entries {
    const names = this.#store.names(id, what).filter((name) => name !== but);
    return Object.fromEntries(names.map((name) => [name, undefined]));
  }
}

/** When a task was submitted, by its id. */
function timeOf(id: string): number {
  return parseInt(id.slice(1, -RANDOM_CHARS), 36);
}
