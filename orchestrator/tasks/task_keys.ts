/**
 * The keys under which a task stands in the memory: `task/<id>` for the task itself, and
 * `of/<id>/<key>` for each of its entries. An entry's key is its kind, or `<kind>/<name>`. A name may
 * hold any character, since entries are listed by kind and never by a pattern.
 *
 * @module
 */

/** A group of entries, by which they are listed. A kind of entry may belong to several groups. */
export type Group =
  /** What calls need. It is kept as long as the task may run again. */
  | "work"
  /** What all calls have returned. */
  | "outputs"
  /** What the calls of pages have returned. */
  | "parts"
  /** What is removed if a retry begins again with the first page. */
  | "pages"
  /** What has happened to the task. */
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

/** A kind of entry: the part of a key before its first `/`. */
export type Kind = keyof typeof KINDS;

/** The key of what the task was submitted with. */
export const INPUT: Kind = "input";
/** The key of the last page's number. */
export const LAST_PAGE: Kind = "last_page";
/** The key of the combination that is under way. */
export const COMBINING: Kind = "combining";
/** The key of the generations of calls. */
export const GENERATIONS: Kind = "generations";

/** Digits of the page in a part's key, so that parts sort by page. */
const PAGE_DIGITS = 6;

/** Returns the key of the reply to a call. */
export function outputKey(call: string): string {
  return `output/${call}`;
}

/** Returns the key of what `call` has returned for a page, or has combined at that page. */
export function partKey(call: string, page: number): string {
  return `part/${call}/${String(page).padStart(PAGE_DIGITS, "0")}`;
}

/** Whether `key` is a part that `call` has returned. */
export function isPartOf(key: string, call: string): boolean {
  return key.slice(0, key.lastIndexOf("/")) === `part/${call}`;
}

/** Returns the key of a page. */
export function pageKey(page: number): string {
  return `page/${page}`;
}

/** Returns the key of the address that may have the answer to a request. */
export function affinityKey(request: string): string {
  return `affinity/${request}`;
}

/** Returns the key of an event. */
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
