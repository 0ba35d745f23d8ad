/**
 * A record as a page holds it.
 *
 * @module
 */
import type { Layout } from "./layout.ts";
import { isBetweenValues } from "./splitter.ts";

const LINE_FEED = 0x0a, RETURN = 0x0d, QUOTE = 0x22, BACKSLASH = 0x5c, SPACE = 0x20;

/**
 * Brings a record into its final form, in place, and gives its new length, which may be one byte
 * more than the old one: CR LF at the end becomes LF, a JSON value stands on one line without the
 * white space around and in it, and a record that lost its end is ended by LF behind its last
 * whole character. The last line of a source that has no LF gets none.
 *
 * @param record with room for one more byte behind `length`
 * @param lost whether the end of the record is missing
 */
export function normalizeRecord(record: Uint8Array, length: number, layout: Layout, lost: boolean) {
  if (layout === "json") return compact(record, length, lost);
  if (lost) {
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

/** Drops what is not part of the value. Numbers keep all their digits, since nothing is parsed. */
function compact(record: Uint8Array, length: number, lost: boolean): number {
  let from = 0, to = lost ? wholeCharacters(record, length) : length;
  while (from < to && isBetweenValues(record[from])) from++;
  while (from < to && isBetweenValues(record[to - 1])) to--;
  if (from === to) return 0;
  let size = 0, string = false, escaped = false;
  for (let at = from; at < to; at++) {
    const byte = record[at];
    if (byte === QUOTE && !escaped) string = !string;
    escaped = string && byte === BACKSLASH && !escaped;
    if (byte > SPACE) record[size++] = byte;
    else if (string) record[size++] = byte === LINE_FEED ? SPACE : byte;
  }
  record[size] = LINE_FEED;
  return size + 1;
}

/** The length without a UTF-8 sequence at the end that is not complete. */
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
