/**
 * The only writer of tasks. Each step of a task's life is one commit: the task as it stands then, the
 * event, and what came of it. What a client or a later stage is told of is on disk before.
 *
 * @module
 */
import { CodedError } from "../lib/errors.ts";
import type { Changes, Memory } from "../lib/memory.ts";
import { type Json, type JsonObject, toWire } from "../lib/protocol.ts";
import { SYSTEM, type System } from "../lib/system.ts";
import { Retention, type RetentionBounds } from "./retention.ts";
import { assertMove, isFinal, type State, type Task, type TaskEvent } from "./task.ts";

/** Events of one task; later ones replace the last, so that a task without end has bounded ones. */
const EVENTS_MAX = 5_000;
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

/** A page of a task: the cursor that it is asked with, and whether it is through. */
export type PageEntry = { readonly cursor: Json; readonly done: boolean };

/** Parts that are to become one, and the page at which that was decided. */
export type Combination = { readonly names: string[]; readonly page: number };

/** What is there for the calls alone. */
const WORK = /^(input|output|page|last_page|combining|runs|holder)(\/|$)/;

/** What a retry is to run again though it is through, or nothing of it. */
export interface Anew {
  /** The call to begin with. */
  readonly from: string;
  /** The calls that are made under new request ids: `from`, and those behind it. */
  readonly calls: readonly string[];
  /** Of which calls the outputs go. */
  readonly outputs: readonly string[];
  /** Whether the pages go. */
  readonly pages: boolean;
}

type Change = Partial<Omit<Task, "task" | "events">>;
type Happening = Omit<TaskEvent, "seq" | "at">;

interface Kept {
  /** As the log's own writes leave it. */
  task: Task;
  /** As it is on disk: what others are told; nothing before it is there. */
  shown: Task | undefined;
  /** Resolves when it is on disk at all. */
  created: Promise<unknown>;
  /** What it has in memory beside itself. */
  keys: Set<string>;
  /** Size of its input, as JSON, while it has not ended. */
  inputChars: number;
  /** On the clock that never jumps: when `task.spent_ms` was right. */
  spentAt: number;
  changed: PromiseWithResolvers<void>;
}

export class TaskLog {
  readonly #memory: Memory;
  readonly #system: Pick<System, "clock" | "random">;
  readonly #tasks = new Map<string, Kept>();
  readonly #byKey = new Map<string, string>();
  readonly #retention: Retention;
  #inputChars = 0;
  #lastAt = 0;

  constructor(
    memory: Memory,
    retention: Partial<RetentionBounds> = {},
    system: Pick<System, "clock" | "random"> = SYSTEM,
  ) {
    this.#memory = memory;
    this.#system = system;
    this.#retention = new Retention(retention);
    const found = [...memory.entries("task/")].map(([, task]) => task as Task);
    found.sort((a, b) => compare(a.task, b.task));
    for (const task of found) this.#tasks.set(task.task, { ...this.#kept(task), shown: task });
    if (found.length > 0) this.#lastAt = timeOf(found.at(-1)!.task);
    for (const [key] of memory.entries("of/")) this.#tasks.get(key.split("/")[1])?.keys.add(key);
    for (const kept of this.#tasks.values()) {
      if (!isFinal(kept.task.state)) this.#countInput(kept, this.input(kept.task.task)!);
    }
    const ended = found.filter(({ state }) => isFinal(state));
    ended.sort((a, b) => compare(a.ended_at!, b.ended_at!));
    for (const task of ended) this.#retain(task);
  }

  /** All tasks, in the order in which they were submitted. */
  *tasks(): Generator<Task> {
    for (const { shown } of this.#tasks.values()) if (shown !== undefined) yield shown;
  }

  /** Whether the disk has no room to spare, so that no further task may come. */
  get full(): boolean {
    return this.#memory.full;
  }

  get(id: string): Task | undefined {
    return this.#tasks.get(id)?.shown;
  }

  /** Size of the inputs of all tasks that have not ended, as JSON. */
  get inputChars(): number {
    return this.#inputChars;
  }

  /** The task that was submitted under this idempotency key: resolves with it when it is on disk. */
  byKey(key: string): Promise<Task> | undefined {
    const kept = this.#tasks.get(this.#byKey.get(key) ?? "");
    return kept?.created.then(() => kept.shown!);
  }

  /** What it was submitted with, for as long as it may run. */
  input(id: string): JsonObject | undefined {
    return this.#memory.get(`of/${id}/input`) as JsonObject | undefined;
  }

  /** The how manyeth run of a call this is: from 1, and more where a retry runs it anew. */
  run(id: string, name: string): number {
    return this.#runs(id)[name] ?? 1;
  }

  /** The address that may have the answer to a request. */
  holder(id: string, request: string): string | undefined {
    return this.#memory.get(`of/${id}/holder/${request}`) as string | undefined;
  }

  /** What a call has answered, if it is through. */
  output(id: string, name: string): JsonObject | undefined {
    return this.#memory.get(`of/${id}/output/${name}`) as JsonObject | undefined;
  }

  /** The outputs whose names begin with one of `names` and a dot, by name and in its order. */
  parts(id: string, names: readonly string[]): [name: string, output: JsonObject][] {
    const prefix = `of/${id}/output/`;
    return [...this.#tasks.get(id)!.keys]
      .filter((key) => names.some((name) => key.startsWith(`${prefix}${name}.`)))
      .sort(compare)
      .map((key) => [key.slice(prefix.length), this.#memory.get(key) as JsonObject]);
  }

  page(id: string, page: number): PageEntry | undefined {
    return this.#memory.get(`of/${id}/page/${page}`) as PageEntry | undefined;
  }

  /** Events later than number `after`, oldest first. */
  events(id: string, after: number): TaskEvent[] {
    const found: TaskEvent[] = [];
    const last = Math.min(this.get(id)?.events ?? 0, EVENTS_MAX);
    for (let seq = Math.min(after + 1, last); seq <= last; seq++) {
      const event = this.#memory.get(`of/${id}/event/${seq}`) as TaskEvent | undefined;
      if (event !== undefined && event.seq > after) found.push(event);
    }
    return found;
  }

  /** What is left of a task's time, in milliseconds. */
  leftMs(id: string): number {
    const { task } = this.#tasks.get(id)!;
    return task.deadline_ms - this.#spent(this.#tasks.get(id)!);
  }

  /** Resolves when something happens to the task after this is called. */
  changed(id: string): Promise<void> {
    return this.#tasks.get(id)!.changed.promise;
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
    const kept = this.#kept(task);
    this.#tasks.set(task.task, kept);
    this.#countInput(kept, input);
    try {
      await (kept.created = this.#write(kept, {}, { kind: "submitted" }, { input }));
      return kept.shown!;
    } catch (error) {
      this.#countInput(kept);
      this.#forget(kept);
      throw error;
    }
  }

  /** Its turn has come, for the first time or after a restart. */
  async started(id: string): Promise<void> {
    const kept = this.#tasks.get(id)!;
    const started_at = kept.task.started_at ?? this.#timestamp();
    const state = this.#unlessCancelling(id, "running");
    await this.#write(kept, { state, started_at }, { kind: "started" });
  }

  callStarted(id: string, stage: string): void {
    if (this.#tasks.get(id)!.task.stage === stage) return;
    this.#note(id, { stage, failed_attempts: 0 }, { kind: "stage_started", stage });
  }

  /** A request goes to this one of several addresses. */
  async asking(id: string, request: string, address: string): Promise<void> {
    if (this.holder(id, request) === address) return;
    await this.#write(this.#tasks.get(id)!, {}, undefined, { [`holder/${request}`]: address });
  }

  /** A request has an outcome, and nobody has its answer. */
  notHeld(id: string, request: string): void {
    if (this.holder(id, request) === undefined) return;
    this.#note(id, {}, undefined, { [`holder/${request}`]: undefined });
  }

  /** A call has failed for good, and with it the task is going to. */
  callFailed(id: string, stage: string): void {
    this.#note(id, { stage });
  }

  /** A try has failed and another one follows after `waitMs`. */
  attemptFailed(
    id: string,
    stage: string,
    failure: { attempts: number; error: CodedError; waitMs: number; page?: number },
  ): void {
    const { attempts, error, waitMs, page } = failure;
    const wire = toWire(error, String);
    this.#note(
      id,
      { state: this.#unlessCancelling(id, "retry_wait"), failed_attempts: attempts, error: wire },
      { kind: "attempt_failed", stage, page, wait_ms: waitMs, error: wire as JsonObject },
    );
  }

  /** The next try begins. */
  resumed(id: string): void {
    this.#note(id, { state: this.#unlessCancelling(id, "running") });
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
    await this.#write(this.#tasks.get(id)!, {}, undefined, own);
  }

  /** The number of the last page, once it is known. */
  lastPage(id: string): number | undefined {
    return this.#memory.get(`of/${id}/last_page`) as number | undefined;
  }

  /** A page is through. */
  async pageDone(
    id: string,
    page: number,
    name: string,
    output: JsonObject,
    ms: number,
  ): Promise<void> {
    const { pages } = this.#tasks.get(id)!.task;
    const { cursor } = this.page(id, page)!;
    await this.#write(
      this.#tasks.get(id)!,
      { pages: pages + 1 },
      { kind: "page_done", page, ms },
      { [`output/${name}`]: output, [`page/${page}`]: { cursor, done: true } },
    );
  }

  /** These parts and no others become one: after a restart the call is the same. */
  async combining(id: string, combination: Combination): Promise<void> {
    await this.#write(this.#tasks.get(id)!, {}, undefined, { combining: combination });
  }

  /** What `combining` has noted and `combined` has not. */
  combination(id: string): Combination | undefined {
    return this.#memory.get(`of/${id}/combining`) as Combination | undefined;
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
    await this.#write(this.#tasks.get(id)!, {}, undefined, own);
  }

  /** A call is through; what came before it stays, for a retry. */
  async callDone(id: string, stage: string, output: JsonObject, ms: number): Promise<void> {
    await this.#write(
      this.#tasks.get(id)!,
      { stage, failed_attempts: 0, error: null }, // that it began may not have been kept
      { kind: "stage_done", stage, ms },
      { [`output/${stage}`]: output },
    );
  }

  /** Nothing where the task has ended meanwhile. */
  async cancelling(id: string): Promise<void> {
    const kept = this.#tasks.get(id)!;
    if (isFinal(kept.task.state)) return;
    await this.#write(kept, { state: "cancelling" }, { kind: "cancelling" });
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
    const kept = this.#tasks.get(id)!;
    await this.#write(
      kept,
      { state, ended_at: this.#timestamp(), error: wire, headline },
      {
        kind: state,
        ...(state === "dead" && kept.task.stage !== null ? { stage: kept.task.stage } : {}),
        ...(wire === null ? {} : { error: wire as JsonObject }),
      },
      state === "done" ? without(kept, WORK, `output/${kept.task.stage}`) : {},
    );
    this.#countInput(kept);
    this.#retain(kept.task);
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
  async retried(id: string, anew?: Anew): Promise<Task> {
    const kept = this.#tasks.get(id)!;
    // As the log's own writes leave it: of two retries at once, one is.
    if (!isFinal(kept.task.state)) {
      throw new CodedError("conflict", `Cannot retry ${id}: it is ${kept.task.state}`);
    }
    if (this.input(id) === undefined) {
      throw new CodedError("not_found", `Cannot retry ${id}: its input is kept no longer`);
    }
    const ended = this.#retention.remove(id);
    const change = { stage: null, failed_attempts: 0, ended_at: null, error: null, spent_ms: 0 };
    try {
      await this.#write(
        kept,
        { ...change, state: "queued", ...(anew?.pages ? { pages: 0 } : {}) },
        { kind: "retried", ...(anew === undefined ? {} : { stage: anew.from }) },
        anew === undefined ? {} : this.#forgotten(kept, anew),
      );
    } catch (error) {
      this.#retention.add(ended); // behind those that ended after it, which costs nothing
      throw error;
    }
    this.#countInput(kept, this.input(id)!);
    return kept.shown!;
  }

  #forgotten(kept: Kept, { calls, outputs, pages }: Anew): Record<string, Json | undefined> {
    const runs = this.#runs(kept.task.task);
    const run = 1 + Math.max(1, ...Object.values(runs));
    return {
      ...(pages ? without(kept, /^(page|last_page|combining)(\/|$)/) : {}),
      ...without(kept, new RegExp(`^output/(${outputs.join("|")})(\\.|$)`)),
      runs: { ...runs, ...Object.fromEntries(calls.map((name) => [name, run])) },
    };
  }

  #runs(id: string): Readonly<Record<string, number>> {
    return (this.#memory.get(`of/${id}/runs`) ?? {}) as Record<string, number>;
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
    return this.#tasks.get(id)!.task.state === "cancelling" ? "cancelling" : state;
  }

  #kept(task: Task): Kept {
    if (task.key !== null) this.#byKey.set(task.key, task.task);
    return {
      task,
      shown: undefined,
      created: Promise.resolve(),
      keys: new Set(),
      inputChars: 0,
      spentAt: this.#system.clock.now(),
      changed: Promise.withResolvers(),
    };
  }

  #spent({ task, spentAt }: Kept): number {
    return isFinal(task.state)
      ? task.spent_ms
      : Math.round(task.spent_ms + this.#system.clock.now() - spentAt);
  }

  /** Writes what nobody waits for; lost by a crash, it happens again. */
  #note(
    id: string,
    change: Change,
    happening?: Happening,
    own: Record<string, Json | undefined> = {},
  ): void {
    this.#write(this.#tasks.get(id)!, change, happening, own, true).catch(() => {});
  }

  async #write(
    kept: Kept,
    change: Change,
    happening: Happening | undefined,
    own: Record<string, Json | undefined> = {},
    lazy = false,
  ): Promise<void> {
    const before = kept.task;
    if (change.state !== undefined) assertMove(before.state, change.state);
    const events = before.events + (happening === undefined ? 0 : 1);
    const task = { ...before, ...change, events, spent_ms: change.spent_ms ?? this.#spent(kept) };
    const changes = new Map<string, Json | undefined>([[`task/${task.task}`, task]]);
    const put = (name: string, value: Json | undefined): void => {
      const key = `of/${task.task}/${name}`;
      changes.set(key, value);
      if (value === undefined) kept.keys.delete(key);
      else kept.keys.add(key);
    };
    for (const [name, value] of Object.entries(own)) put(name, value);
    if (happening !== undefined) {
      const event = { seq: events, at: this.#timestamp(), ...happening };
      put(`event/${Math.min(events, EVENTS_MAX)}`, JSON.parse(JSON.stringify(event)));
    }
    kept.task = task;
    kept.spentAt = this.#system.clock.now();
    try {
      await this.#memory.commit(changes as Changes, { lazy });
    } catch (error) {
      this.#takeBack(kept);
      throw error;
    }
    kept.shown = task;
    const { resolve } = kept.changed;
    kept.changed = Promise.withResolvers();
    resolve();
  }

  /** The memory has dropped every change that was not on disk yet, and so must what stands here. */
  #takeBack(kept: Kept): void {
    if (kept.shown === undefined) return; // `create` forgets it
    kept.task = kept.shown;
    const own = this.#memory.entries(`of/${kept.task.task}/`);
    kept.keys = new Set([...own].map(([key]) => key));
  }

  /** Counts the input of a task that goes on, or counts it off where it has ended. */
  #countInput(kept: Kept, input?: JsonObject): void {
    const chars = input === undefined ? 0 : JSON.stringify(input).length;
    this.#inputChars += chars - kept.inputChars;
    kept.inputChars = chars;
  }

  /** Notes a task that has ended; one that is done can't be tried again. */
  #retain({ task, state, ended_at }: Task): void {
    const chars = this.#workChars(task); // of what is done its result is left alone
    const [resultChars, workChars] = state === "done" ? [chars, 0] : [0, chars];
    this.#retention.add({ task, at: Date.parse(ended_at!), resultChars, workChars });
  }

  #dropOld(): void {
    for (const id of this.#retention.takeOld(this.#system.clock.date().getTime())) {
      const kept = this.#tasks.get(id)!;
      this.#forget(kept);
      const keys = [`task/${id}`, ...kept.keys];
      this.#memory.commit(new Map(keys.map((key) => [key, undefined])), { lazy: true })
        .catch(() => {}); // the journal has logged it; it goes after the next start
    }
  }

  /** The work of the ones that ended last stays; the others can't be tried again any more. */
  #dropWork(): void {
    for (const id of this.#retention.takeWork()) {
      this.#note(id, {}, undefined, without(this.#tasks.get(id)!, WORK));
    }
  }

  /** Size of what a task has for its calls, as JSON. */
  #workChars(id: string): number {
    const prefix = `of/${id}/`;
    let chars = 0;
    for (const key of this.#tasks.get(id)!.keys) {
      if (WORK.test(key.slice(prefix.length))) {
        chars += JSON.stringify(this.#memory.get(key)).length;
      }
    }
    return chars;
  }

  #forget({ task }: Kept): void {
    this.#tasks.delete(task.task);
    if (task.key !== null) this.#byKey.delete(task.key);
  }
}

/** Says of what a task has, and `what` matches, that it goes; all but `but`. */
function without({ task, keys }: Kept, what: RegExp, but?: string): Record<string, undefined> {
  const names = [...keys].map((key) => key.slice(`of/${task.task}/`.length));
  const gone = names.filter((name) => what.test(name) && name !== but);
  return Object.fromEntries(gone.map((name) => [name, undefined]));
}

/** When a task was submitted, by its id. */
function timeOf(id: string): number {
  return parseInt(id.slice(1, -RANDOM_CHARS), 36);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
