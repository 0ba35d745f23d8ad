/**
 * The keys under which a task stands in the memory: `task/<id>` for the task itself, and
 * `of/<id>/<key>` for each of its entries. An entry's key is its kind, or `<kind>/<name>`. A name may
 * hold any character, since entries are listed by kind and never by a pattern.
 *
 * @module
 */

/** Entries are listed by group: */
export type Group =
  /** what calls need, as long as the task may run again; */
  | "work"
  /** what calls have returned; */
  | "outputs"
  /** what the calls of pages have returned; */
  | "parts"
  /** what a retry of the pages removes; */
  | "pages"
  /** what has happened to the task. */
  | "events";

/** Each kind of entry, with the groups that it belongs to. */
const KINDS = {
  /** What the task was submitted with. */
  input: ["work"],
  /** `output/<call>`: the reply to a call. */
  output: ["work", "outputs"],
  /** `part/<call>/<page>`: a partial output, of a page or of several combined pages. */
  part: ["work", "outputs", "parts", "pages"],
  /** `page/<page>`: the page's cursor, and whether the page is done. */
  page: ["work", "pages"],
  /** The number of the last page. */
  last_page: ["work", "pages"],
  /** The parts that are being combined. */
  combining: ["work", "pages"],
  /** By call, the generation that a retry has given it. */
  generations: ["work"],
  /** `affinity/<request>`: the address that may have the answer to a request. */
  affinity: ["work"],
  /** `event/<seq>`: an event of the task. */
  event: ["events"],
} as const satisfies Record<string, readonly Group[]>;

export type Kind = keyof typeof KINDS;

/** The keys of the entries that a task has once. */
export const INPUT: Kind = "input";
export const LAST_PAGE: Kind = "last_page";
export const COMBINING: Kind = "combining";
export const GENERATIONS: Kind = "generations";

/** Pads the page in a part's key, so that parts sort by page. */
const PAGE_DIGITS = 6;

export function outputKey(call: string): string {
  return `output/${call}`;
}

export function partKey(call: string, page: number): string {
  return `part/${call}/${String(page).padStart(PAGE_DIGITS, "0")}`;
}

/** Whether `key` is a part that `call` has returned. */
export function isPartOf(key: string, call: string): boolean {
  return key.slice(0, key.lastIndexOf("/")) === `part/${call}`;
}

export function pageKey(page: number): string {
  return `page/${page}`;
}

export function affinityKey(request: string): string {
  return `affinity/${request}`;
}

export function eventKey(seq: number): string {
  return `event/${seq}`;
}

/** Returns the kind of the entry that has this key. */
export function kindOf(key: string): Kind {
  return key.split("/", 1)[0] as Kind;
}

/** Returns the kinds that belong to a group. */
export function kindsOf(group: Group): Kind[] {
  return (Object.keys(KINDS) as Kind[]).filter((kind) =>
    (KINDS[kind] as readonly Group[]).includes(group)
  );
}
