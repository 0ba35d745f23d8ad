import type { Json } from "../../lib/json.ts";
import type { Draft } from "../define.ts";

/** What a draft reads from. In an isolate's thread each read is a message to the main thread. */
export interface MemoryReader {
  /** Returns the value of a key, or `undefined` if there is none. */
  get(key: string): Json | undefined | Promise<Json | undefined>;
  /** Returns the keys that begin with `prefix`. */
  keys(prefix: string): string[] | Promise<string[]>;
}

/** A handler's changes laid over the memory, which stays as it is. */
export class MemoryDraft implements Draft {
  readonly #memory: MemoryReader;
  readonly #changes = new Map<string, Json | undefined>();

  constructor(memory: MemoryReader) {
    this.#memory = memory;
  }

  /** What is to be committed; `undefined` removes a key. */
  get changes(): [key: string, value: Json | undefined][] {
    return [...this.#changes];
  }

  async get(key: string): Promise<Json | undefined> {
    return this.#changes.has(key) ? this.#changes.get(key) : await this.#memory.get(key);
  }

  async keys(prefix: string): Promise<string[]> {
    const keys = new Set(await this.#memory.keys(prefix));
    for (const [key, value] of this.#changes) {
      if (value === undefined) keys.delete(key);
      else if (key.startsWith(prefix)) keys.add(key);
    }
    return [...keys].sort();
  }

  set(key: string, value: Json): void {
    this.#changes.set(key, value);
  }

  delete(key: string): void {
    this.#changes.set(key, undefined);
  }
}
