import type { Json, JsonObject } from "../../lib/json.ts";
import { COMBINING, isPartOf, LAST_PAGE, pageKey, partKey } from "./task_keys.ts";
import type { Entries, TaskStore } from "./task_store.ts";

/** A page of a task. `cursor` asks for the page until it is done; the first page needs none. */
export type Page = { readonly cursor: Json; readonly done: boolean };

/** A partial output, with its key. */
export type Part = readonly [key: string, output: JsonObject];

/** Parts that are being combined, by key, and the page at which that was decided. */
export type Combination = { readonly parts: string[]; readonly page: number };

/**
 * The steps of a task's pages. Each page leaves a part, which is its partial output. When there are
 * many parts, a combination replaces them by a single part.
 *
 * Methods that are async resolve when the step is on disk.
 */
export class PageLog {
  readonly #store: TaskStore;

  constructor(store: TaskStore) {
    this.#store = store;
  }

  /** Returns a page that was announced by the page before it, or that was collected. */
  get(id: string, page: number): Page | undefined {
    return this.#store.entry(id, pageKey(page)) as Page | undefined;
  }

  /** Returns the number of the last page, as soon as it is known. */
  last(id: string): number | undefined {
    return this.#store.entry(id, LAST_PAGE) as number | undefined;
  }

  /** Returns the parts in the order of their keys; with `call`, only the parts that it has returned. */
  parts(id: string, call?: string): Part[] {
    return this.#store.keys(id, "parts").sort()
      .filter((key) => call === undefined || isPartOf(key, call))
      .map((key) => [key, this.#store.entry(id, key) as JsonObject]);
  }

  /** Returns what `combining` has noted and `combined` has not ended. */
  combination(id: string): Combination | undefined {
    return this.#store.entry(id, COMBINING) as Combination | undefined;
  }

  /** Whether every page is done and nothing is being combined. */
  allDone(id: string): boolean {
    const { pages } = this.#store.get(id)!;
    return pages - 1 === this.last(id) && this.combination(id) === undefined;
  }

  /** Notes that a page has come. `next` asks for the page after it; `null` means that there is none. */
  async collected(id: string, page: number, next: Json): Promise<void> {
    const announced: [page: number, cursor: Json][] = [[page, null]];
    if (next !== null) announced.push([page + 1, next]);
    // A page that is collected again after a restart must not undo the later ones: some may be done.
    const fresh = announced.filter(([number]) => this.get(id, number) === undefined)
      .map(([number, cursor]) => [pageKey(number), { cursor, done: false }]);
    await this.#store.write(id, {}, undefined, {
      ...Object.fromEntries(fresh),
      ...(next === null ? { [LAST_PAGE]: page } : {}),
    });
  }

  /** Notes what `call` has returned for a page, after `ms`. */
  async done(
    id: string,
    page: number,
    call: string,
    output: JsonObject,
    ms: number,
  ): Promise<void> {
    const { pages } = this.#store.latest(id);
    await this.#store.write(
      id,
      { pages: pages + 1 },
      { kind: "page_done", page, ms },
      { [partKey(call, page)]: output, [pageKey(page)]: { cursor: null, done: true } },
    );
  }

  /** Notes which parts are going to be combined, so that after a restart the call is the same. */
  async combining(id: string, combination: Combination): Promise<void> {
    await this.#store.write(id, {}, undefined, { [COMBINING]: combination });
  }

  /** Replaces the parts of the combination by the output that `call` has made of them. */
  async combined(id: string, call: string, output: JsonObject): Promise<void> {
    const { parts, page } = this.combination(id)!;
    const removed: Entries = Object.fromEntries(parts.map((key) => [key, undefined]));
    await this.#store.write(id, {}, undefined, {
      ...removed,
      [COMBINING]: undefined,
      [partKey(call, page)]: output,
    });
  }
}
