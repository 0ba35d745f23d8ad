import type { Draft } from "../../agents/define.ts";
import type { Json } from "../../lib/json.ts";

/**
 * A draft over a map. It holds JSON text, as memory does: what JSON cannot hold does not survive.
 */
export class MapDraft implements Draft {
  readonly #values: Map<string, string>;

  constructor(values: Iterable<[string, string]> = []) {
    this.#values = new Map(values);
  }

  get size(): number {
    return this.#values.size;
  }

  /** A draft with the same values; changes to either do not reach the other. */
  copy(): MapDraft {
    return new MapDraft(this.#values);
  }

  get(key: string): Promise<Json | undefined> {
    const value = this.#values.get(key);
    return Promise.resolve(value === undefined ? undefined : JSON.parse(value));
  }

  keys(prefix: string): Promise<string[]> {
    return Promise.resolve([...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort());
  }

  set(key: string, value: Json): void {
    this.#values.set(key, JSON.stringify(value));
  }

  delete(key: string): void {
    this.#values.delete(key);
  }
}
