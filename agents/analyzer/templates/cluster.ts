/**
 * Clustering of masked messages into templates. Masking looks at each message alone; clustering
 * compares them to find what else varies.
 *
 * A fixed-depth tree as in Drain (He, Zhu, Zheng, Lyu: "Drain: an online log parsing approach with
 * fixed depth tree", ICWS 2017): number of words, then first word, then a leaf. Within a leaf this
 * differs from Drain, so that the order of the input has no influence: a position becomes `<*>` if
 * many different words stand there while all other words are the same. A few different words
 * (`opened` and `closed`) are different events.
 *
 * @module
 */
import { WILDCARD } from "./wildcard.ts";

/** With at least this many different words between equal ones, a position varies. */
const DISTINCT_MIN = 4;
/** Rounds of comparing in a leaf: masking one position can make others comparable. */
const ROUNDS_MAX = 6;

/** A text in the making: some of its words may be masked already. */
interface Pattern {
  words: string[];
  /** Indexes of the texts that it covers. */
  members: number[];
}

/** Maps every text to its template; the order of the texts has no influence. */
export function cluster(texts: Iterable<string>): Map<string, string> {
  const distinct = [...new Set(texts)];
  const templates = new Map<string, string>();
  for (const leaf of leavesOf(distinct).values()) {
    for (const { words, members } of settle(leaf)) {
      const template = words.join(" ");
      for (const index of members) templates.set(distinct[index], template);
    }
  }
  return templates;
}

/** The tree: texts by their number of words and their first word. */
function leavesOf(texts: string[]): Map<string, Pattern[]> {
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

/** Masks varying positions round by round until nothing changes. */
function settle(leaf: Pattern[]): Pattern[] {
  let patterns = leaf;
  for (let round = 0; round < ROUNDS_MAX && patterns.length > 1; round++) {
    const masked = maskVarying(patterns);
    if (masked === undefined) break;
    patterns = masked;
  }
  return patterns;
}

/** One round: masks the varying positions and joins equal patterns; undefined if none varies. */
function maskVarying(patterns: Pattern[]): Pattern[] | undefined {
  // The words seen in each context. A context with a single word, as nearly all are, has no set: a
  // million sets would take all the memory of a thread.
  const wordsByContext = new Map<number, string | Set<string>>();
  const keys = patterns.map(({ words }) => contexts(words));
  patterns.forEach(({ words }, index) => {
    for (let at = 1; at < words.length; at++) {
      const key = keys[index][at];
      const seen = wordsByContext.get(key);
      if (seen === undefined) wordsByContext.set(key, words[at]);
      else if (typeof seen !== "string") seen.add(words[at]);
      else if (seen !== words[at]) wordsByContext.set(key, new Set([seen, words[at]]));
    }
  });
  // Once for each context, because many texts of a leaf share it.
  const masks = new Map<number, string>();
  for (const [key, seen] of wordsByContext) {
    const mask = typeof seen === "string" ? undefined : generalize(seen);
    if (mask !== undefined) masks.set(key, mask);
  }
  let changed = false;
  const joined = new Map<string, Pattern>();
  patterns.forEach(({ words, members }, index) => {
    const masked = words.map((word, at) => {
      if (at === 0) return word;
      const mask = masks.get(keys[index][at]);
      if (mask === undefined || mask === word) return word;
      changed = true;
      return mask;
    });
    const text = masked.join(" ");
    const same = joined.get(text);
    if (same === undefined) joined.set(text, { words: masked, members: [...members] });
    else same.members.push(...members);
  });
  return changed ? [...joined.values()] : undefined;
}

/**
 * What stands for all the words seen at a position: a wildcard, after the `key=` that all share.
 * Undefined if the words belong to different events.
 */
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

/** For each position a hash of its context: all other words in their places. */
function contexts(words: string[]): number[] {
  let high = 0;
  let low = 0;
  const parts = words.map((word, at) => {
    const part = [hash(word, at * 2 + 1), hash(word, at * 2 + 2)] as const;
    high = (high + part[0]) | 0;
    low = (low + part[1]) | 0;
    return part;
  });
  // 21 bits and 32 bits, with the position in both, fit one exact number.
  return parts.map(([a, b], at) =>
    (((high - a + at) | 0) & 0x1fffff) * 0x1_0000_0000 + (((low - b + at * 0x9e3779b1) | 0) >>> 0)
  );
}

/** FNV-1a, seeded (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hash(word: string, seed: number): number {
  let value = Math.imul(0x811c9dc5 ^ seed, 0x01000193);
  for (let index = 0; index < word.length; index++) {
    value = Math.imul(value ^ word.charCodeAt(index), 0x01000193);
  }
  return value ^ (value >>> 15);
}
