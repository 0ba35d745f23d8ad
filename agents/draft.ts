import { CodedError } from "../lib/errors.ts";
import type { Changes, Memory } from "../lib/memory.ts";
import type { Json } from "../lib/protocol.ts";
import type { Draft } from "./define.ts";

/** Handlers see their keys without this. */
const PREFIX = "state/";

/** Reads from the memory, keeps changes to itself until they are taken for a commit. */
export class MemoryDraft implements Draft {
  readonly #memory: Memory;
  readonly #epoch: number;
  readonly #changes = new Map<string, Json | undefined>();

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#epoch = memory.epoch;
  }

  get(key: string): Promise<Json | undefined> {
    const own = PREFIX + key;
    return Promise.resolve(
      this.#changes.has(own) ? this.#changes.get(own) : frozen(this.#memory.get(own)),
    );
  }

  keys(prefix: string): Promise<string[]> {
    const found = new Set<string>();
    for (const [key] of this.#memory.entries(PREFIX + prefix)) found.add(key);
    for (const [key, value] of this.#changes) {
      if (value === undefined) found.delete(key);
      else if (key.startsWith(PREFIX + prefix)) found.add(key);
    }
    return Promise.resolve([...found].map((key) => key.slice(PREFIX.length)).sort());
  }

  set(key: string, value: Json): void {
    this.#changes.set(PREFIX + key, value);
  }

  delete(key: string): void {
    this.#changes.set(PREFIX + key, undefined);
  }

  /**
   * The changes, to be committed in the same turn.
   *
   * @throws {CodedError} `storage_full` where something that the handler may have read was taken
   * back meanwhile
   */
  takeChanges(): Changes {
    if (this.#memory.epoch !== this.#epoch) {
      throw new CodedError(
        "storage_full",
        "Cannot keep the result: what it builds on was not kept",
      );
    }
    for (const value of this.#changes.values()) frozen(value);
    return this.#changes;
  }
}

/** So that a handler that fails can't have changed what it read: its attempt throws instead. */
function frozen<T extends Json | undefined>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner); // first, since frozen means all of it
  return Object.freeze(value);
}
