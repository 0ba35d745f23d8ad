/**
 * How deep a line of JSON is and of how many values, told by its bytes alone.
 *
 * @module
 */
import { LimitError, type Limits } from "./limits.ts";

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
 * Looks at the bytes of a line before it is parsed: `JSON.parse` takes any depth, and what walks its
 * result does not.
 *
 * @throws {LimitError} `bad_json` where it is too deep or has too many values
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

/** Strings of digits that share their last bits; chance puts a dozen there in the longest line. */
const ALIKE_MAX = 128;
const ALIKE_BITS = 16;
/** Longer ones are no array index, and are hashed with a seed. */
const DIGITS_MAX = 10;

/**
 * V8 finds a string of digits by its value, without a seed, so that `JSON.parse` takes seconds for
 * some ten thousand different ones whose last bits are the same (CVE-2026-21717). It finds numbers
 * without a seed too, so these are not gathered in a set: they would be chosen to collide there.
 */
class DigitStrings {
  /** The different ones by their last bits, of which there are too few to choose from. */
  readonly #alike = new Map<number, number[]>();

  /** Whether this one, from its first byte to behind its last, is one too many. */
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
