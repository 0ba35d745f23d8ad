import type { Json } from "../../lib/json.ts";
import type { Draft } from "../define.ts";

/** What a draft reads from; its answers may take their time. */
export interface Reader {
  get(key: string): Json | undefined | Promise<Json | undefined>;
  /** The keys that begin with `prefix`. */
  keys(prefix: string): string[] | Promise<string[]>;
}

/** A handler's own changes over what it reads. */
export class ChangesOver implements Draft {
  readonly #memory: Reader;
  readonly #changes = new Map<string, Json | undefined>();

  constructor(memory: Reader) {
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
    const found = new Set(await this.#memory.keys(prefix));
    for (const [key, value] of this.#changes) {
      if (value === undefined) found.delete(key);
      else if (key.startsWith(prefix)) found.add(key);
    }
    return [...found].sort();
  }

  set(key: string, value: Json): void {
    this.#changes.set(key, value);
  }

  delete(key: string): void {
    this.#changes.set(key, undefined);
  }
}
