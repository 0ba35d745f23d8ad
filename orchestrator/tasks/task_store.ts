/**
 * Tasks and their entries, in the memory and as pending writes leave them. One write is one commit of
 * the task, an event and entries. Readers see a write after it has reached the disk, never before.
 *
 * @module
 */
import type { Changes, Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import { estimateBytes } from "../../lib/json_size.ts";
import type { Clock } from "../../lib/system.ts";
import { assertMove, isFinal, type Task, type TaskEvent } from "./task.ts";
import { eventKey, type Group, type Kind, kindOf, kindsOf } from "./task_keys.ts";

/** Events of one task. Later ones replace the last, so a task that is retried for ever stays small. */
const EVENTS_MAX = 5_000;

/** The fields of a task that a write changes. */
export type TaskChange = Partial<Omit<Task, "task" | "events">>;
/** An event without what the store adds. */
export type EventInput = Omit<TaskEvent, "seq" | "at">;
/** A task's entries by key; `undefined` removes an entry. */
export type Entries = Readonly<Record<string, Json | undefined>>;

interface StoredTask {
  /** With the writes that are pending. */
  task: Task;
  /** As on disk, which is what readers see; `undefined` until the task is there. */
  committed: Task | undefined;
  /** Resolves when the new task is on disk. */
  created: Promise<unknown>;
  /** The keys of its entries, with the writes that are pending. */
  keys: Map<Kind, Set<string>>;
  /** When `task.spent_ms` was right, on the monotonic clock. */
  spentAt: number;
  changed: PromiseWithResolvers<void>;
}

/** The tasks of one memory. Each method but `get()` and `byKey()` needs the id of a task that exists. */
export class TaskStore {
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #tasks = new Map<string, StoredTask>();
  /** Task ids by idempotency key. */
  readonly #byKey = new Map<string, string>();

  constructor(memory: Memory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    const tasks = [...memory.entries("task/")].map(([, task]) => task as Task);
    tasks.sort((a, b) => compare(a.task, b.task));
    for (const task of tasks) this.#add(task).committed = task;
    for (const [memoryKey] of memory.entries("of/")) {
      const [, id, ...key] = memoryKey.split("/");
      const stored = this.#tasks.get(id);
      if (stored !== undefined) addKey(stored, key.join("/"));
    }
  }

  /** All tasks, in the order in which they were submitted. */
  *tasks(): Generator<Task> {
    for (const { committed } of this.#tasks.values()) if (committed !== undefined) yield committed;
  }

  /** Whether the disk has no room for further tasks. */
  get full(): boolean {
    return this.#memory.full;
  }

  /** Returns the task as it is on disk. */
  get(id: string): Task | undefined {
    return this.#tasks.get(id)?.committed;
  }

  /** Returns the task with the writes that are pending. */
  latest(id: string): Task {
    return this.#tasks.get(id)!.task;
  }

  /** Returns the task with this idempotency key; resolves when the task is on disk. */
  byKey(key: string): Promise<Task> | undefined {
    const stored = this.#tasks.get(this.#byKey.get(key) ?? "");
    return stored?.created.then(() => stored.committed!);
  }

  /** Returns the value of an entry, with the writes that are pending. */
  entry(id: string, key: string): Json | undefined {
    return this.#memory.get(`of/${id}/${key}`);
  }

  /** Returns the keys of a task's entries that belong to a group. */
  keys(id: string, group: Group): string[] {
    const { keys } = this.#tasks.get(id)!;
    return kindsOf(group).flatMap((kind) => [...keys.get(kind) ?? []]);
  }

  /** Returns what a group of a task's entries takes in memory, as `estimateBytes()` counts. */
  bytes(id: string, group: Group): number {
    return this.keys(id, group)
      .reduce((bytes, key) => bytes + estimateBytes(this.entry(id, key)!), 0);
  }

  /** Returns the events with a number above `after`, oldest first. */
  events(id: string, after: number): TaskEvent[] {
    const events: TaskEvent[] = [];
    const last = Math.min(this.get(id)?.events ?? 0, EVENTS_MAX);
    for (let seq = Math.min(after + 1, last); seq <= last; seq++) {
      const event = this.entry(id, eventKey(seq)) as TaskEvent | undefined;
      if (event !== undefined && event.seq > after) events.push(event);
    }
    return events;
  }

  /** Returns how much of its time the task has left, in milliseconds; negative after its deadline. */
  remainingMs(id: string): number {
    const stored = this.#tasks.get(id)!;
    return stored.task.deadline_ms - this.#spentMs(stored);
  }

  /** Resolves at the first write to the task that reaches the disk after this call. */
  changed(id: string): Promise<void> {
    return this.#tasks.get(id)!.changed.promise;
  }

  /** Writes a new task, which `byKey` knows at once; resolves when the task is on disk. */
  async create(task: Task, event: EventInput, entries: Entries): Promise<Task> {
    const stored = this.#add(task);
    try {
      return await (stored.created = this.#write(stored, {}, event, entries, false));
    } catch (error) {
      this.#remove(task);
      throw error;
    }
  }

  /**
   * Changes a task; resolves, with the task as this change leaves it, when the change is on disk.
   *
   * @throws {TypeError} at once, if the task can't go to that state
   */
  write(id: string, change: TaskChange, event?: EventInput, entries: Entries = {}): Promise<Task> {
    return this.#write(this.#tasks.get(id)!, change, event, entries, false);
  }

  /**
   * Changes a task as `write` does, without waiting for the disk. It is for changes that happen again
   * if a crash loses them.
   */
  note(id: string, change: TaskChange, event?: EventInput, entries: Entries = {}): void {
    this.#write(this.#tasks.get(id)!, change, event, entries, true)
      .catch(() => {}); // the journal logs it
  }

  /** Removes a task and all its entries. */
  drop(id: string): void {
    const { task, keys } = this.#tasks.get(id)!;
    this.#remove(task);
    const entries = [...keys.values()].flatMap((ofKind) => [...ofKind]);
    const memoryKeys = [`task/${id}`, ...entries.map((key) => `of/${id}/${key}`)];
    this.#memory.commit(new Map(memoryKeys.map((key) => [key, undefined])), { lazy: true })
      .catch(() => {}); // the journal logs it; the next start drops the task again
  }

  #add(task: Task): StoredTask {
    const stored: StoredTask = {
      task,
      committed: undefined,
      created: Promise.resolve(),
      keys: new Map(),
      spentAt: this.#clock.now(),
      changed: Promise.withResolvers(),
    };
    this.#tasks.set(task.task, stored);
    if (task.key !== null) this.#byKey.set(task.key, task.task);
    return stored;
  }

  #remove({ task, key }: Task): void {
    this.#tasks.delete(task);
    if (key !== null) this.#byKey.delete(key);
  }

  #spentMs({ task, spentAt }: StoredTask): number {
    return isFinal(task.state)
      ? task.spent_ms
      : Math.round(task.spent_ms + this.#clock.now() - spentAt);
  }

  #write(
    stored: StoredTask,
    change: TaskChange,
    event: EventInput | undefined,
    entries: Entries,
    lazy: boolean,
  ): Promise<Task> {
    const before = stored.task;
    if (change.state !== undefined) assertMove(before.state, change.state);
    const events = before.events + (event === undefined ? 0 : 1);
    const spent_ms = change.spent_ms ?? this.#spentMs(stored);
    const task = { ...before, ...change, events, spent_ms };
    const changes = new Map<string, Json | undefined>([[`task/${task.task}`, task]]);
    const put = (key: string, value: Json | undefined): void => {
      changes.set(`of/${task.task}/${key}`, value);
      if (value === undefined) stored.keys.get(kindOf(key))?.delete(key);
      else addKey(stored, key);
    };
    for (const [key, value] of Object.entries(entries)) put(key, value);
    if (event !== undefined) {
      const whole = { seq: events, at: this.#clock.date().toISOString(), ...event };
      put(eventKey(Math.min(events, EVENTS_MAX)), JSON.parse(JSON.stringify(whole)));
    }
    stored.task = task;
    stored.spentAt = this.#clock.now();
    return this.#commit(stored, task, changes, lazy);
  }

  async #commit(stored: StoredTask, task: Task, changes: Changes, lazy: boolean): Promise<Task> {
    try {
      await this.#memory.commit(changes, { lazy });
    } catch (error) {
      this.#rollBack(stored);
      throw error;
    }
    stored.committed = task;
    const { resolve } = stored.changed;
    stored.changed = Promise.withResolvers();
    resolve();
    return task;
  }

  /** The memory has dropped every change that was not on disk; the task goes back to what is there. */
  #rollBack(stored: StoredTask): void {
    if (stored.committed === undefined) return; // `create` removes it
    stored.task = stored.committed;
    stored.keys.clear();
    const prefix = `of/${stored.task.task}/`;
    for (const [key] of this.#memory.entries(prefix)) addKey(stored, key.slice(prefix.length));
  }
}

function addKey({ keys }: StoredTask, key: string): void {
  const kind = kindOf(key);
  const ofKind = keys.get(kind);
  if (ofKind === undefined) keys.set(kind, new Set([key]));
  else ofKind.add(key);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
