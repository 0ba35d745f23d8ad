import { CodedError } from "../../lib/errors.ts";
import type { Changes, Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import type { MemoryReader } from "./draft.ts";

/** Begins the keys of the handlers in memory. Handlers see their keys without it. */
const PREFIX = "state/";

/** The handlers' part of the memory. One is made for each execution, when it begins. */
export class OwnState implements MemoryReader {
  readonly #memory: Memory;
  readonly #epoch: number;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#epoch = memory.epoch;
  }

  get(key: string): Json | undefined {
    return deepFreeze(this.#memory.get(PREFIX + key));
  }

  keys(prefix: string): string[] {
    const entries = [...this.#memory.entries(PREFIX + prefix)];
    return entries.map(([key]) => key.slice(PREFIX.length));
  }

  /**
   * Returns a handler's changes as `Memory.commit()` takes them, which the caller calls at once.
   *
   * @throws {CodedError} `storage_full` if the memory was rolled back since the execution began: the
   * handler may have read a value that is gone
   */
  toCommit(changes: readonly [key: string, value: Json | undefined][]): Changes {
    if (this.#memory.epoch !== this.#epoch) {
      throw new CodedError(
        "storage_full",
        "Cannot keep the result: the disk was full, and what the handler read was rolled back",
      );
    }
    return new Map(changes.map(([key, value]) => [PREFIX + key, deepFreeze(value)]));
  }
}

/** Makes a handler throw when it changes a value in place, which would bypass its draft. */
function deepFreeze<T extends Json | undefined>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner); // first: frozen means frozen throughout
  return Object.freeze(value);
}
