/**
 * Bounds the depth and the number of values of a line of JSON before it is parsed.
 *
 * @module
 */
import { LimitError, type Limits } from "./limits.ts";

/** The deepest nesting and the most keys and values that a line may have. */
export type JsonBounds = Pick<Limits, "depth" | "nodes">;

const QUOTE = 0x22, BACKSLASH = 0x5c;
const OTHER = 0, STRING = 1, OPENS = 2, CLOSES = 3, DIVIDES = 4;
/** What each byte means outside of strings. */
const KINDS = new Uint8Array(256);
KINDS[QUOTE] = STRING;
for (const open of "[{") KINDS[open.charCodeAt(0)] = OPENS;
for (const close of "]}") KINDS[close.charCodeAt(0)] = CLOSES;
for (const divider of ",:") KINDS[divider.charCodeAt(0)] = DIVIDES;

/**
 * Checks the bytes of a line before it is parsed. `JSON.parse` accepts any depth, but code that walks
 * its result overflows the stack.
 *
 * @throws {LimitError} `bad_json` if the line is too deep or has too many values
 */
export function assertJsonBounds(line: Uint8Array, { depth, nodes }: JsonBounds): void {
  let open = 0, counted = 0;
  const digits = new DigitStrings();
  for (let at = 0; at < line.length; at++) {
    const kind = KINDS[line[at]];
    if (kind === OTHER) continue;
    if (kind === STRING) {
      const start = at;
      at = endOfString(line, at);
      if (digits.collide(line, start + 1, at)) {
        throw outOfBounds("nodes", "too many strings of digits that end alike in binary");
      }
    } else if (kind === CLOSES) {
      open--;
    } else {
      if (kind === OPENS && ++open > depth) {
        throw outOfBounds("depth", `nested deeper than ${depth}`);
      }
      if (++counted > nodes) throw outOfBounds("nodes", `more than ${nodes} keys and values`);
    }
  }
}

/** Strings of digits that may share their last bits; in the longest line a dozen do by chance. */
const ALIKE_MAX = 128;
const ALIKE_BITS = 16;
/** Longer strings are no array index; V8 hashes them with a seed. */
const DIGITS_MAX = 10;

/**
 * Finds lines that would make `JSON.parse` slow. V8 hashes a string of digits by its value, without a
 * seed, so 10,000 different ones with the same last bits take seconds (CVE-2026-21717). V8 hashes
 * numbers without a seed too, so a set of them would be attacked in the same way.
 */
class DigitStrings {
  /** The different values by their last bits. There are too few keys to choose colliding ones. */
  readonly #alike = new Map<number, number[]>();

  /** Returns whether the string from `from` up to `to` is one too many. */
  collide(line: Uint8Array, from: number, to: number): boolean {
    if (to - from > DIGITS_MAX) return false;
    let value = 0;
    for (let at = from; at < to; at++) {
      const digit = line[at] - 0x30;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    const end = value & ((1 << ALIKE_BITS) - 1);
    const alike = this.#alike.get(end);
    if (alike === undefined) this.#alike.set(end, [value]);
    else if (!alike.includes(value)) return alike.push(value) > ALIKE_MAX;
    return false;
  }
}

function outOfBounds(limit: keyof JsonBounds, why: string): LimitError {
  return new LimitError(limit, "bad_json", `Cannot read the line: ${why}`);
}

/** The position of the quote that ends the string which begins at `start`. */
function endOfString(line: Uint8Array, start: number): number {
  for (let from = start + 1;;) {
    const end = line.indexOf(QUOTE, from);
    if (end < 0) return line.length;
    let escapes = 0;
    while (line[end - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
    from = end + 1;
  }
}
