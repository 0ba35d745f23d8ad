/**
 * Clustering of masked messages into templates: what masking can't see is found by comparing.
 *
 * A fixed-depth tree as in Drain (He, Zhu, Zheng, Lyu: "Drain: an online log parsing approach with
 * fixed depth tree", ICWS 2017): number of words, then first word, then a leaf. Within a leaf this
 * differs from Drain so that the order of the input has no influence: a position becomes `<*>`
 * where the same context was seen with many different words there. Few different words (`opened`
 * and `closed`) are different events.
 *
 * @module
 */
import { WILDCARD } from "./wildcard.ts";

/** From so many different words on, a position in an otherwise equal context varies. */
const DISTINCT_MIN = 4;
/** Rounds of comparing in a leaf; each can open further positions. */
const ROUNDS_MAX = 6;

interface Pattern {
  words: string[];
  /** Indexes of the texts that it stands for. */
  members: number[];
}

/** Maps every text to its template. The result does not depend on the order of the texts. */
export function cluster(texts: Iterable<string>): Map<string, string> {
  const distinct = [...new Set(texts)];
  const templates = new Map<string, string>();
  for (const leaf of leaves(distinct).values()) {
    for (const { words, members } of settle(leaf)) {
      const template = words.join(" ");
      for (const index of members) templates.set(distinct[index], template);
    }
  }
  return templates;
}

function leaves(texts: string[]): Map<string, Pattern[]> {
  const tree = new Map<string, Pattern[]>();
  texts.forEach((text, index) => {
    const words = text.split(" ");
    const key = `${words.length} ${words[0]}`;
    const leaf = tree.get(key);
    const pattern = { words, members: [index] };
    if (leaf === undefined) tree.set(key, [pattern]);
    else leaf.push(pattern);
  });
  return tree;
}

/** Opens positions round by round until nothing changes. */
function settle(leaf: Pattern[]): Pattern[] {
  let patterns = leaf;
  for (let round = 0; round < ROUNDS_MAX && patterns.length > 1; round++) {
    const opened = open(patterns);
    if (opened === undefined) break;
    patterns = opened;
  }
  return patterns;
}

/** One round: the patterns with their varying positions masked, equal ones joined. */
function open(patterns: Pattern[]): Pattern[] | undefined {
  // A word alone, as nearly all are: a million sets would take all the memory of a thread.
  const holes = new Map<number, string | Set<string>>();
  const keys = patterns.map(({ words }) => contexts(words));
  patterns.forEach(({ words }, index) => {
    for (let at = 1; at < words.length; at++) {
      const key = keys[index][at];
      const seen = holes.get(key);
      if (seen === undefined) holes.set(key, words[at]);
      else if (typeof seen !== "string") seen.add(words[at]);
      else if (seen !== words[at]) holes.set(key, new Set([seen, words[at]]));
    }
  });
  // Once for each hole: a leaf's texts often share one.
  const general = new Map<number, string>();
  for (const [key, seen] of holes) {
    const opened = typeof seen === "string" ? undefined : generalize(seen);
    if (opened !== undefined) general.set(key, opened);
  }
  let changed = false;
  const joined = new Map<string, Pattern>();
  patterns.forEach(({ words, members }, index) => {
    const masked = words.map((word, at) => {
      if (at === 0) return word;
      const opened = general.get(keys[index][at]);
      if (opened === undefined || opened === word) return word;
      changed = true;
      return opened;
    });
    const text = masked.join(" ");
    const same = joined.get(text);
    if (same === undefined) joined.set(text, { words: masked, members: [...members] });
    else same.members.push(...members);
  });
  return changed ? [...joined.values()] : undefined;
}

/** What stands for all the words seen at a position; undefined where they are different events. */
function generalize(seen: Set<string>): string | undefined {
  let wild = false;
  let key: string | undefined;
  for (const word of seen) {
    wild ||= word.includes(WILDCARD);
    const own = word.slice(0, word.indexOf("=") + 1);
    key = key === undefined || key === own ? own : "";
  }
  return wild || seen.size >= DISTINCT_MIN ? key + WILDCARD : undefined;
}

/** For each position a hash of all the other words in their places. */
function contexts(words: string[]): number[] {
  let high = 0;
  let low = 0;
  const parts = words.map((word, at) => {
    const part = [hash(word, at * 2 + 1), hash(word, at * 2 + 2)] as const;
    high = (high + part[0]) | 0;
    low = (low + part[1]) | 0;
    return part;
  });
  // 21 and 32 bits and the position make one exact number.
  return parts.map(([a, b], at) =>
    (((high - a + at) | 0) & 0x1fffff) * 0x1_0000_0000 + (((low - b + at * 0x9e3779b1) | 0) >>> 0)
  );
}

/** FNV-1a, seeded. */
function hash(word: string, seed: number): number {
  let value = Math.imul(0x811c9dc5 ^ seed, 0x01000193);
  for (let index = 0; index < word.length; index++) {
    value = Math.imul(value ^ word.charCodeAt(index), 0x01000193);
  }
  return value ^ (value >>> 15);
}
