/**
 * Masking: what plainly varies in a message becomes `<*>`.
 *
 * 1. URLs, paths, e-mail addresses, times, hexadecimal groups and host names are masked as a whole.
 * 2. The value of `key=value` is masked unless it is a plain word: `result=ok` and `result=failed`
 *    may be two events, which clustering finds out.
 * 3. Words with digits are masked. A name with a number keeps the name (`core.4900`: `core.<*>`),
 *    and a single digit is part of its word (`ssh2`).
 * 4. Several wildcards in a row become one, and so do repeated groups: lists of any length look the
 *    same.
 *
 * One pass over the text without backtracking: the time is linear in its length. This file masks
 * across words, `mask_word.ts` within one, and `wildcard.ts` has rule 4.
 *
 * @module
 */
import { stampAt } from "../records/timestamp.ts";
import { maskWord } from "./mask_word.ts";
import { collapseRepeats, WILDCARD } from "./wildcard.ts";

/** Words of a written date. */
const DATE_WORDS_MAX = 6;
/** Words of a quoted value; a quote that stays open for longer is a stray one. */
const QUOTED_WORDS_MAX = 32;

const SPACE = /\s+/;
const DATE_WORD =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/;
const QUOTED_VALUE = /^[\w.-]+="/;
const PREPOSITIONS = new Set("for by from of as to on with invalid unknown".split(" "));
const NAMED_ROLES = new Set(["user", "username", "account", "host", "client"]);
const UNITS = new Set("B KB MB GB TB KiB MiB GiB TiB kB ns us µs ms s sec min".split(" "));

/** Masks a message: returns its words and wildcards with single spaces between them. */
export function mask(message: string): string {
  const words = message.trim().split(SPACE);
  const masked: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    const dateWords = DATE_WORD.test(word) ? countDateWords(words, index) : 0;
    if (dateWords > 0) {
      masked.push(WILDCARD);
      index += dateWords - 1;
    } else if (QUOTED_VALUE.test(word)) {
      const end = quoteEnd(words, index);
      masked.push(`${maskWord(word.slice(0, word.indexOf("=") + 1))}${WILDCARD}${end.rest}`);
      index = end.index;
    } else if (isName(words, index)) {
      masked.push(WILDCARD);
    } else {
      pushWord(masked, maskWord(word));
    }
    // `key = value`: the value is the next word.
    if (word === "=" && index + 1 < words.length && index > 0) {
      masked.push(maskValueWord(words[++index]));
    }
  }
  return collapseRepeats(masked).join(" ");
}

/** Counts the words from `index` on that make up a written date; 0 if there is none. */
function countDateWords(words: string[], index: number): number {
  const text = words.slice(index, index + DATE_WORDS_MAX).join(" ");
  const stamp = stampAt(text, 0);
  return stamp === undefined ? 0 : text.slice(0, stamp.end).split(" ").length;
}

/** The word in which the quoted value of the word at `index` ends, and the rest of it, masked. */
function quoteEnd(words: string[], index: number): { index: number; rest: string } {
  const last = Math.min(words.length, index + QUOTED_WORDS_MAX);
  for (let at = index; at < last; at++) {
    const from = at === index ? words[at].indexOf('="') + 2 : 0;
    const quote = words[at].indexOf('"', from);
    if (quote >= 0) return { index: at, rest: maskWord(words[at].slice(quote + 1)) };
  }
  return { index, rest: "" };
}

/** Whether the word at `index` follows words such as `for user`, which announce a name. */
function isName(words: string[], index: number): boolean {
  return index >= 2 && NAMED_ROLES.has(words[index - 1]) &&
    PREPOSITIONS.has(words[index - 2].toLowerCase()) && /^[\w.-]+$/.test(words[index]);
}

/** Adds a word. A unit after a number becomes part of it, because programs choose units by size. */
function pushWord(masked: string[], word: string): void {
  const last = masked.length - 1;
  const unit = /^[A-Za-zµ]{1,3}/.exec(word)?.[0] ?? "";
  if (
    UNITS.has(unit) && last >= 0 && masked[last].endsWith(WILDCARD) &&
    !/\w/.test(word[unit.length] ?? "")
  ) {
    masked[last] += word.slice(unit.length);
  } else {
    masked.push(word);
  }
}

/** Masks the word after a lone `=`; after a separator in it a new key begins. */
function maskValueWord(word: string): string {
  const separator = word.search(/[,;|]/);
  if (separator < 0) return WILDCARD;
  return WILDCARD + word[separator] + maskWord(word.slice(separator + 1));
}
