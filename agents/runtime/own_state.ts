import { CodedError } from "../../lib/errors.ts";
import type { Changes, Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import type { Reader } from "./draft.ts";

/** Handlers see their keys without this. */
const PREFIX = "state/";

/** What of the memory belongs to the handlers, as it is when this is made. */
export class OwnState implements Reader {
  readonly #memory: Memory;
  readonly #epoch: number;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#epoch = memory.epoch;
  }

  get(key: string): Json | undefined {
    return frozen(this.#memory.get(PREFIX + key));
  }

  keys(prefix: string): string[] {
    const entries = [...this.#memory.entries(PREFIX + prefix)];
    return entries.map(([key]) => key.slice(PREFIX.length));
  }

  /**
   * A handler's changes, to be committed in the same turn.
   *
   * @throws {CodedError} `storage_full` where something that it may have read was taken back
   * meanwhile
   */
  changed(changes: readonly [key: string, value: Json | undefined][]): Changes {
    if (this.#memory.epoch !== this.#epoch) {
      throw new CodedError(
        "storage_full",
        "Cannot keep the result: what it builds on was not kept",
      );
    }
    return new Map(changes.map(([key, value]) => [PREFIX + key, frozen(value)]));
  }
}

/** So that a handler that fails can't have changed what it read: its attempt throws instead. */
function frozen<T extends Json | undefined>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner); // first, since frozen means all of it
  return Object.freeze(value);
}
