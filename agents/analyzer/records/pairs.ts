/**
 * Fields within the text of a message: `uid=0`, `size: 4096`, `took 35ms`, `user=root`.
 *
 * @module
 */
import { isCode, roleOf } from "./field_role.ts";
import { NAME_CHARS_MAX, VALUE_CHARS_MAX } from "../bounds.ts";
import { isUnit, parseQuantity } from "./quantity.ts";

/** The fields that a message names. */
export interface Pairs {
  readonly numbers: [name: string, value: number][];
  readonly values: [name: string, value: string][];
}

/** Pairs of one message; the others are ignored. */
const PAIRS_MAX = 64;

const SPACE = /\s+/;
const KEY = /^[A-Za-z_][\w.-]*$/;
const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
const WORD = /^[A-Za-z_][\w.@/-]*$|^\d{1,3}(?:\.\d{1,3}){3}$/;

/** Words between a verb and its number, as in `finished after 3 s`. */
const FILLERS = new Set(["in", "after", "for", "of", "is", "was", "to", "at", "with", "about"]);

/** Finds the pairs of a key and a number, quantity or word in a message. */
export function findPairs(message: string): Pairs {
  const pairs: Pairs = { numbers: [], values: [] };
  const tokens = message.split(SPACE);
  for (let index = 0; index < tokens.length; index++) {
    if (pairs.numbers.length + pairs.values.length >= PAIRS_MAX) break;
    const token = tokens[index];
    if (token === "=" && index > 0) {
      addPair(pairs, bare(tokens[index - 1]), bare(tokens[index + 1] ?? ""));
    } else if (token.includes("=")) {
      for (const piece of token.split(/[,;&|()]/)) {
        const equals = piece.indexOf("=");
        if (equals > 0) addPair(pairs, bare(piece.slice(0, equals)), bare(piece.slice(equals + 1)));
      }
    } else if (token.length > 1 && token.endsWith(":")) {
      const value = bare(tokens[index + 1] ?? "");
      if (NUMBER.test(value) || parseQuantity(value) !== undefined) {
        addPair(pairs, bare(token), value);
      }
    } else {
      addQuantity(pairs, tokens, index);
    }
  }
  return pairs;
}

/** Adds the quantity at `index` under the verb before it: `took 35ms`, `took about 35 ms`. */
function addQuantity(pairs: Pairs, tokens: string[], index: number): void {
  const code = tokens[index].charCodeAt(0);
  if (code < 48 || code > 57) return;
  const token = bare(tokens[index]);
  const next = bare(tokens[index + 1] ?? "");
  const text = NUMBER.test(token) && isUnit(next) ? token + next : token;
  if (parseQuantity(text) === undefined) return;
  let name = index - 1;
  if (name > 0 && FILLERS.has(tokens[name])) name--;
  if (name >= 0 && /^[A-Za-z_]+[:,]?$/.test(tokens[name])) addPair(pairs, bare(tokens[name]), text);
}

function addPair({ numbers, values }: Pairs, key: string, value: string): void {
  if (key.length > NAME_CHARS_MAX || value === "" || value.length > VALUE_CHARS_MAX) return;
  if (!KEY.test(key) || roleOf(key) !== "other") return;
  if (NUMBER.test(value)) {
    if (isCode(key)) values.push([key, value]);
    else numbers.push([key, Number(value)]);
    return;
  }
  const quantity = parseQuantity(value);
  if (quantity !== undefined) {
    numbers.push([`${key.toLowerCase()}_${quantity.unit}`, quantity.value]);
  } else if (WORD.test(value)) {
    values.push([key, value]);
  }
}

/** Returns a token without the quotes, brackets and punctuation around it. */
function bare(token: string): string {
  let start = 0;
  let end = token.length;
  while (start < end && "([{<\"'".includes(token[start])) start++;
  while (end > start && ".,;:!?)]}>\"'".includes(token[end - 1])) end--;
  return token.slice(start, end);
}
