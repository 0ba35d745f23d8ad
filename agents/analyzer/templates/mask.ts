/**
 * Masking: what plainly varies in a message gives way to `<*>`.
 *
 * 1. URLs, paths, e-mail addresses, times, hexadecimal groups and host names go as a whole.
 * 2. The value of `key=value` goes, except a plain word: `result=ok` and `result=failed` may be two
 *    events, which clustering finds out.
 * 3. Words with digits go; one that is a name and a number keeps the name (`core.4900`: `core.<*>`),
 *    and one digit in a word is part of it (`ssh2`).
 * 4. Wildcards in a row become one, and so do repeated groups: lists of any length look the same.
 *
 * One pass over the text without backtracking: the time is linear in its length.
 *
 * @module
 */
import { stampAt } from "../records/timestamp.ts";

/** Stands for what varies. */
export const WILDCARD = "<*>";

/** Tokens of a group that is recognised when it repeats. */
const GROUP_TOKENS_MAX = 8;

const OPENING = new Set("([{<\"'`");
const CLOSING = new Set(".,;:!?)]}>\"'`");
const DELIMITERS = new Set("=:,;|()[]{}<>\"'`#&?!/\\@");

const VALUE_ENDS = new Set(",;&|)]}");

const SPACE = /\s+/;
const DIGIT = /\d/;
const HEX_GROUPS = /^(?:[0-9a-fA-F]{1,4}[:-]){3,}[0-9a-fA-F:]{0,40}$/;
const HEX_WORD = /^[a-f]{8,}$|^[A-F]{8,}$/;
const HEX_ID = /^[0-9a-fA-F-]{6,}$/;
const NAME_AND_NUMBER = /^([A-Za-z]{2}[A-Za-z]*[._-]?)[\d._-]*$/;
const PLAIN_VALUE = /^["']?[A-Za-z]+["']?$/;
const URL_START = /^[A-Za-z][A-Za-z+.-]{0,20}:\/\//;
const NAMED_BEFORE = new Set(["user", "username", "account", "host", "client"]);
const PREPOSITIONS = new Set([
  "for",
  "by",
  "from",
  "of",
  "as",
  "to",
  "on",
  "with",
  "invalid",
  "unknown",
]);
const UNITS = new Set("B KB MB GB TB KiB MiB GiB TiB kB ns us µs ms s sec min".split(" "));
const QUOTED_VALUE = /^[\w.-]+="/;
/** Words of a quoted value; a quote that is open for longer is a stray one. */
const QUOTED_WORDS_MAX = 32;
const EMPTY_PAIRS = new Set(["()", "[]", "{}", "<>", '""', "''"]);
const DATE_WORD =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/;
const EMAIL = /^[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+$/;
const HOST_AND_PORT = /^[\w-]+(?:\.[\w-]+)+:\d{2,5}$/;
const DOMAIN_END = /\.[a-z]{2,6}$/;
const WILD_TOKEN = /^<\*>[,;]?$/;

/** Masks a message: its words and `<*>` with single spaces between. */
export function mask(message: string): string {
  const words = message.trim().split(SPACE);
  const masked: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    const taken = DATE_WORD.test(word) ? dateWords(words, index) : 0;
    if (taken > 0) {
      masked.push(WILDCARD);
      index += taken - 1;
    } else if (QUOTED_VALUE.test(word)) {
      const end = quoteEnd(words, index);
      masked.push(`${maskWord(word.slice(0, word.indexOf("=") + 1))}${WILDCARD}${end.rest}`);
      index = end.index;
    } else if (isNamed(words, index)) {
      masked.push(WILDCARD);
    } else {
      pushWord(masked, maskWord(word));
    }
    // `key = value`: the value is the next word.
    if (word === "=" && index + 1 < words.length && index > 0) {
      masked.push(valueWord(words[++index]));
    }
  }
  return collapse(masked).join(" ");
}

/** How many words from `index` on make up a written date; 0 for none. */
function dateWords(words: string[], index: number): number {
  const text = words.slice(index, index + 6).join(" ");
  const stamp = stampAt(text, 0);
  return stamp === undefined ? 0 : text.slice(0, stamp.end).split(" ").length;
}

/** Where the quoted value that begins in the word at `index` ends, and what is behind its quote. */
function quoteEnd(words: string[], index: number): { index: number; rest: string } {
  const last = Math.min(words.length, index + QUOTED_WORDS_MAX);
  for (let at = index; at < last; at++) {
    const from = at === index ? words[at].indexOf('="') + 2 : 0;
    const quote = words[at].indexOf('"', from);
    if (quote >= 0) return { index: at, rest: maskWord(words[at].slice(quote + 1)) };
  }
  return { index, rest: "" };
}

/** A plain word behind words such as `for user`, which say that a name follows. */
function isNamed(words: string[], index: number): boolean {
  return index >= 2 && NAMED_BEFORE.has(words[index - 1]) &&
    PREPOSITIONS.has(words[index - 2].toLowerCase()) && /^[\w.-]+$/.test(words[index]);
}

/** Adds a word; a unit behind a number is part of it, because programs scale units by size. */
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

function maskWord(word: string): string {
  if (EMPTY_PAIRS.has(word)) return word[0] + WILDCARD + word[1];
  let start = 0;
  let end = word.length;
  while (start < end && OPENING.has(word[start])) start++;
  while (end > start && CLOSING.has(word[end - 1])) end--;
  if (start === end) return word;
  const core = word.slice(start, end);
  return word.slice(0, start) + maskCore(core) + word.slice(end);
}

function maskCore(core: string): string {
  if (URL_START.test(core)) return WILDCARD;
  if (core.includes("=")) return maskAtoms(core);
  if (core.includes("://") || isPath(core)) return WILDCARD;
  if (core.includes("@") && EMAIL.test(core)) return WILDCARD;
  if (HEX_GROUPS.test(core)) return WILDCARD;
  if (isHost(core)) return WILDCARD;
  return maskAtoms(core);
}

function isPath(core: string): boolean {
  if (core.length < 2) return false;
  if (/^(?:\/|\.{1,2}\/|~\/|\\\\|[A-Za-z]:[\\/])/.test(core)) return /\w/.test(core);
  const slash = core.indexOf("/");
  return slash > 0 && core.indexOf("/", slash + 1) > 0;
}

/** Dots and dashes, a digit somewhere, and an end as of a domain; or a port behind. */
function isHost(core: string): boolean {
  if (HOST_AND_PORT.test(core)) return true;
  if (!DIGIT.test(core) || !DOMAIN_END.test(core)) return false;
  return /^[\w-]+(?:\.[\w-]+){2,}$/.test(core);
}

/** Masks the pieces between delimiters, and values as a whole. */
function maskAtoms(core: string): string {
  let masked = "";
  let atom = 0;
  for (let index = 0; index <= core.length; index++) {
    const char = core[index];
    if (char !== undefined && !DELIMITERS.has(char)) continue;
    masked += maskAtom(core.slice(atom, index)) + (char ?? "");
    atom = index + 1;
    if (char !== "=") continue;
    while (atom < core.length && !VALUE_ENDS.has(core[atom])) atom++;
    masked += maskValue(core.slice(index + 1, atom));
    index = atom - 1;
  }
  return joinWildcards(masked);
}

/** A plain word stays, see 2. */
function maskValue(value: string): string {
  return value === "" || PLAIN_VALUE.test(value) ? value : WILDCARD;
}

function maskAtom(atom: string): string {
  if (!DIGIT.test(atom)) return HEX_WORD.test(atom) ? WILDCARD : atom;
  if (HEX_ID.test(atom)) return WILDCARD;
  const name = NAME_AND_NUMBER.exec(atom);
  if (name !== null) {
    return digits(atom) === 1 && /\d$/.test(atom) && !/[._-]/.test(atom)
      ? atom
      : name[1] + WILDCARD;
  }
  return digits(atom) === 1 && /^[A-Za-z]{2}/.test(atom) ? atom : WILDCARD;
}

function digits(atom: string): number {
  let count = 0;
  for (let index = 0; index < atom.length; index++) {
    const code = atom.charCodeAt(index);
    if (code >= 48 && code <= 57) count++;
  }
  return count;
}

/** The word behind a lone `=`; what follows a separator in it is a new key. */
function valueWord(word: string): string {
  const cut = word.search(/[,;|]/);
  if (cut < 0 || cut === word.length - 1) return WILDCARD + (cut < 0 ? "" : word[cut]);
  return WILDCARD + word[cut] + maskWord(word.slice(cut + 1));
}

/** `<*>:<*>`, `<*>,<*>`, `<*><*>` and the like become one wildcard. */
function joinWildcards(masked: string): string {
  return masked.includes("<*>") ? masked.replace(/<\*>(?:[:,.#/|x@-]*<\*>)+/g, WILDCARD) : masked;
}

/** Leaves one of wildcards in a row, and one of a group that repeats. */
function collapse(words: string[]): string[] {
  const out: string[] = [];
  for (const word of words) {
    if (WILD_TOKEN.test(word) && out.length > 0 && WILD_TOKEN.test(out[out.length - 1])) {
      out[out.length - 1] = word;
      continue;
    }
    out.push(word);
    dropRepeat(out);
  }
  return out;
}

/** Takes off the last group of words when it repeats the one before it and holds a wildcard. */
function dropRepeat(words: string[]): void {
  const end = words.length;
  for (let size = 1; size <= GROUP_TOKENS_MAX && 2 * size <= end; size++) {
    let same = true;
    let wild = false;
    for (let index = 1; same && index <= size; index++) {
      const word = words[end - index];
      same = word === words[end - size - index];
      wild ||= word.includes(WILDCARD);
    }
    if (same && wild) {
      words.length = end - size;
      return;
    }
  }
}
