/**
 * Tasks, and what each has beside itself, as they are on disk and as the writes under way leave them.
 * A write is one commit: the task, an event, and entries of its own. It is told to others when it is
 * on disk, and not before.
 *
 * @module
 */
import type { Changes, Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import type { Clock } from "../../lib/system.ts";
import { assertMove, isFinal, type Task, type TaskEvent } from "./task.ts";

/** Events of one task; later ones replace the last, so that a task without end has bounded ones. */
const EVENTS_MAX = 5_000;

export type TaskChange = Partial<Omit<Task, "task" | "events">>;
export type EventInput = Omit<TaskEvent, "seq" | "at">;
/** Entries of a task's own by name; `undefined` removes one. */
export type Entries = Readonly<Record<string, Json | undefined>>;

interface StoredTask {
  /** As the store's own writes leave it. */
  task: Task;
  /** As it is on disk: what others are told; nothing before it is there. */
  committed: Task | undefined;
  /** Resolves when it is on disk at all. */
  created: Promise<unknown>;
  /** Of its own entries. */
  names: Set<string>;
  /** On the clock that never jumps: when `task.spent_ms` was right. */
  spentAt: number;
  changed: PromiseWithResolvers<void>;
}

export class TaskStore {
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #tasks = new Map<string, StoredTask>();
  readonly #byKey = new Map<string, string>();

  constructor(memory: Memory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    const found = [...memory.entries("task/")].map(([, task]) => task as Task);
    found.sort((a, b) => compare(a.task, b.task));
    for (const task of found) this.#keep(task).committed = task;
    for (const [key] of memory.entries("of/")) {
      const [, id, ...name] = key.split("/");
      this.#tasks.get(id)?.names.add(name.join("/"));
    }
  }

  /** All tasks, in the order in which they were submitted. */
  *tasks(): Generator<Task> {
    for (const { committed } of this.#tasks.values()) if (committed !== undefined) yield committed;
  }

  /** Whether the disk has no room to spare. */
  get full(): boolean {
    return this.#memory.full;
  }

  get(id: string): Task | undefined {
    return this.#tasks.get(id)?.committed;
  }

  /** As the writes leave it that are under way. */
  latest(id: string): Task {
    return this.#tasks.get(id)!.task;
  }

  /** The task with this idempotency key: resolves with it when it is on disk. */
  byKey(key: string): Promise<Task> | undefined {
    const kept = this.#tasks.get(this.#byKey.get(key) ?? "");
    return kept?.created.then(() => kept.committed!);
  }

  /** An entry of a task's own. */
  entry(id: string, name: string): Json | undefined {
    return this.#memory.get(`of/${id}/${name}`);
  }

  /** The names of a task's own entries that match. */
  names(id: string, what: RegExp): string[] {
    return [...this.#tasks.get(id)!.names].filter((name) => what.test(name));
  }

  /** Events later than number `after`, oldest first. */
  events(id: string, after: number): TaskEvent[] {
    const found: TaskEvent[] = [];
    const last = Math.min(this.get(id)?.events ?? 0, EVENTS_MAX);
    for (let seq = Math.min(after + 1, last); seq <= last; seq++) {
      const event = this.entry(id, `event/${seq}`) as TaskEvent | undefined;
      if (event !== undefined && event.seq > after) found.push(event);
    }
    return found;
  }

  /** What is left of a task's time, in milliseconds. */
  leftMs(id: string): number {
    const kept = this.#tasks.get(id)!;
    return kept.task.deadline_ms - this.#spent(kept);
  }

  /** Resolves when something happens to the task after this is called. */
  changed(id: string): Promise<void> {
    return this.#tasks.get(id)!.changed.promise;
  }

  /** Writes a new task, which is known by its key at once; resolves with it when it is on disk. */
  async create(task: Task, happening: EventInput, own: Entries): Promise<Task> {
    const kept = this.#keep(task);
    try {
      return await (kept.created = this.#write(kept, {}, happening, own, false));
    } catch (error) {
      this.#forget(task);
      throw error;
    }
  }

  /**
   * Resolves with the task, as this leaves it, when it is on disk.
   *
   * @throws {TypeError} at once, where the task can't come to that state
   */
  write(id: string, change: TaskChange, happening?: EventInput, own: Entries = {}): Promise<Task> {
    return this.#write(this.#tasks.get(id)!, change, happening, own, false);
  }

  /** Writes what nobody waits for; lost by a crash, it happens again. Throws as `write` does. */
  note(id: string, change: TaskChange, happening?: EventInput, own: Entries = {}): void {
    this.#write(this.#tasks.get(id)!, change, happening, own, true)
      .catch(() => {}); // the journal has logged it
  }

  /** Forgets a task, and all that it has. */
  drop(id: string): void {
    const { task, names } = this.#tasks.get(id)!;
    this.#forget(task);
    const keys = [`task/${id}`, ...Array.from(names, (name) => `of/${id}/${name}`)];
    this.#memory.commit(new Map(keys.map((key) => [key, undefined])), { lazy: true })
      .catch(() => {}); // the journal has logged it; it goes after the next start
  }

  #keep(task: Task): StoredTask {
    const kept: StoredTask = {
      task,
      committed: undefined,
      created: Promise.resolve(),
      names: new Set(),
      spentAt: this.#clock.now(),
      changed: Promise.withResolvers(),
    };
    this.#tasks.set(task.task, kept);
    if (task.key !== null) this.#byKey.set(task.key, task.task);
    return kept;
  }

  #forget({ task, key }: Task): void {
    this.#tasks.delete(task);
    if (key !== null) this.#byKey.delete(key);
  }

  #spent({ task, spentAt }: StoredTask): number {
    return isFinal(task.state)
      ? task.spent_ms
      : Math.round(task.spent_ms + this.#clock.now() - spentAt);
  }

  #write(
    kept: StoredTask,
    change: TaskChange,
    happening: EventInput | undefined,
    own: Entries,
    lazy: boolean,
  ): Promise<Task> {
    const before = kept.task;
    if (change.state !== undefined) assertMove(before.state, change.state);
    const events = before.events + (happening === undefined ? 0 : 1);
    const task = { ...before, ...change, events, spent_ms: change.spent_ms ?? this.#spent(kept) };
    const changes = new Map<string, Json | undefined>([[`task/${task.task}`, task]]);
    const put = (name: string, value: Json | undefined): void => {
      changes.set(`of/${task.task}/${name}`, value);
      if (value === undefined) kept.names.delete(name);
      else kept.names.add(name);
    };
    for (const [name, value] of Object.entries(own)) put(name, value);
    if (happening !== undefined) {
      const event = { seq: events, at: this.#clock.date().toISOString(), ...happening };
      put(`event/${Math.min(events, EVENTS_MAX)}`, JSON.parse(JSON.stringify(event)));
    }
    kept.task = task;
    kept.spentAt = this.#clock.now();
    return this.#commit(kept, task, changes, lazy);
  }

  async #commit(kept: StoredTask, task: Task, changes: Changes, lazy: boolean): Promise<Task> {
    try {
      await this.#memory.commit(changes, { lazy });
    } catch (error) {
      this.#rollBack(kept);
      throw error;
    }
    kept.committed = task;
    const { resolve } = kept.changed;
    kept.changed = Promise.withResolvers();
    resolve();
    return task;
  }

  /** The memory has dropped every change that was not on disk yet, and so must what stands here. */
  #rollBack(kept: StoredTask): void {
    if (kept.committed === undefined) return; // `create` forgets it
    kept.task = kept.committed;
    const prefix = `of/${kept.task.task}/`;
    const own = this.#memory.entries(prefix);
    kept.names = new Set(Array.from(own, ([key]) => key.slice(prefix.length)));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
