import type { Layout } from "./layout.ts";
import { isBetweenValues } from "./splitter.ts";

const LINE_FEED = 0x0a, RETURN = 0x0d, QUOTE = 0x22, BACKSLASH = 0x5c, SPACE = 0x20;

/**
 * Brings a record into the form that a page holds, in place, and returns its new length:
 *  - CR LF at the end becomes LF.
 *  - A JSON value becomes one line, without the white space around and in it.
 *  - A record that lost its end gets LF after its last whole character.
 *  - The last line of a source that has no LF gets none.
 *
 * @param record with room for one more byte after `length`
 * @param isCut whether the record lost its end
 */
export function normalizeRecord(
  record: Uint8Array,
  length: number,
  layout: Layout,
  isCut: boolean,
): number {
  if (layout === "json") return compact(record, length, isCut);
  if (isCut) {
    const end = wholeCharacters(record, length);
    record[end] = LINE_FEED;
    return end + 1;
  }
  if (length >= 2 && record[length - 1] === LINE_FEED && record[length - 2] === RETURN) {
    record[length - 2] = LINE_FEED;
    return length - 1;
  }
  return length;
}

/** Drops the bytes outside of the value. Numbers keep all their digits, since nothing is parsed. */
function compact(record: Uint8Array, length: number, isCut: boolean): number {
  let from = 0, to = isCut ? wholeCharacters(record, length) : length;
  while (from < to && isBetweenValues(record[from])) from++;
  while (from < to && isBetweenValues(record[to - 1])) to--;
  if (from === to) return 0;
  let size = 0, isString = false, isEscaped = false;
  for (let at = from; at < to; at++) {
    const byte = record[at];
    if (byte === QUOTE && !isEscaped) isString = !isString;
    isEscaped = isString && byte === BACKSLASH && !isEscaped;
    if (byte > SPACE) record[size++] = byte;
    else if (isString) record[size++] = byte === LINE_FEED ? SPACE : byte;
  }
  record[size] = LINE_FEED;
  return size + 1;
}

/** Returns the length without an incomplete UTF-8 sequence at the end. */
function wholeCharacters(bytes: Uint8Array, length: number): number {
  for (let back = 1; back <= Math.min(4, length); back++) {
    const byte = bytes[length - back];
    if (byte < 0x80) return length;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < needed ? length - back : length;
    }
  }
  return length;
}
