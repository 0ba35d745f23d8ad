/**
 * Masking within one word: rules 1 to 3 of `mask.ts`.
 *
 * @module
 */
import { joinWildcards, WILDCARD } from "./wildcard.ts";

const OPENING = new Set("([{<\"'`");
const CLOSING = new Set(".,;:!?)]}>\"'`");
const DELIMITERS = new Set("=:,;|()[]{}<>\"'`#&?!/\\@");
const VALUE_ENDS = new Set(",;&|)]}");
const EMPTY_PAIRS = new Set(["()", "[]", "{}", "<>", '""', "''"]);

const DIGIT = /\d/;
const HEX_GROUPS = /^(?:[0-9a-fA-F]{1,4}[:-]){3,}[0-9a-fA-F:]{0,40}$/;
const HEX_WORD = /^[a-f]{8,}$|^[A-F]{8,}$/;
const HEX_ID = /^[0-9a-fA-F-]{6,}$/;
const NAME_AND_NUMBER = /^([A-Za-z]{2}[A-Za-z]*[._-]?)[\d._-]*$/;
const PLAIN_VALUE = /^["']?[A-Za-z]+["']?$/;
const URL_START = /^[A-Za-z][A-Za-z+.-]{0,20}:\/\//;
const PATH_START = /^(?:\/|\.{1,2}\/|~\/|\\\\|[A-Za-z]:[\\/])/;
const EMAIL = /^[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+$/;
const HOST_AND_PORT = /^[\w-]+(?:\.[\w-]+)+:\d{2,5}$/;
const DOMAIN_END = /\.[a-z]{2,6}$/;

/** Masks a word; brackets, quotes and punctuation around it stay. */
export function maskWord(word: string): string {
  if (EMPTY_PAIRS.has(word)) return word[0] + WILDCARD + word[1];
  let start = 0;
  let end = word.length;
  while (start < end && OPENING.has(word[start])) start++;
  while (end > start && CLOSING.has(word[end - 1])) end--;
  if (start === end) return word;
  return word.slice(0, start) + maskCore(word.slice(start, end)) + word.slice(end);
}

function maskCore(core: string): string {
  if (URL_START.test(core)) return WILDCARD;
  if (core.includes("=")) return maskAtoms(core);
  if (core.includes("://") || isPath(core)) return WILDCARD;
  if (core.includes("@") && EMAIL.test(core)) return WILDCARD;
  if (HEX_GROUPS.test(core) || isHost(core)) return WILDCARD;
  return maskAtoms(core);
}

function isPath(core: string): boolean {
  if (core.length < 2) return false;
  if (PATH_START.test(core)) return /\w/.test(core);
  const slash = core.indexOf("/");
  return slash > 0 && core.indexOf("/", slash + 1) > 0;
}

/** Whether it has a port, or at least two dots, a digit and an end like a domain's. */
function isHost(core: string): boolean {
  if (HOST_AND_PORT.test(core)) return true;
  if (!DIGIT.test(core) || !DOMAIN_END.test(core)) return false;
  return /^[\w-]+(?:\.[\w-]+){2,}$/.test(core);
}

/** Masks the atoms between delimiters each by itself, and the value after a `=` as a whole. */
function maskAtoms(core: string): string {
  let masked = "";
  let start = 0;
  for (let index = 0; index <= core.length; index++) {
    const char = core[index];
    if (char !== undefined && !DELIMITERS.has(char)) continue;
    masked += maskAtom(core.slice(start, index)) + (char ?? "");
    start = index + 1;
    if (char !== "=") continue;
    while (start < core.length && !VALUE_ENDS.has(core[start])) start++;
    masked += maskValue(core.slice(index + 1, start));
    index = start - 1;
  }
  return joinWildcards(masked);
}

/** A plain word stays, by rule 2. */
function maskValue(value: string): string {
  return value === "" || PLAIN_VALUE.test(value) ? value : WILDCARD;
}

function maskAtom(atom: string): string {
  if (!DIGIT.test(atom)) return HEX_WORD.test(atom) ? WILDCARD : atom;
  if (HEX_ID.test(atom)) return WILDCARD;
  const oneDigit = countDigits(atom) === 1;
  const name = NAME_AND_NUMBER.exec(atom);
  if (name === null) return oneDigit && /^[A-Za-z]{2}/.test(atom) ? atom : WILDCARD;
  return oneDigit && /\d$/.test(atom) && !/[._-]/.test(atom) ? atom : name[1] + WILDCARD;
}

function countDigits(atom: string): number {
  let count = 0;
  for (let index = 0; index < atom.length; index++) {
    const code = atom.charCodeAt(index);
    if (code >= 48 && code <= 57) count++;
  }
  return count;
}
