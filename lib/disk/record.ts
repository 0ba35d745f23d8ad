/**
 * One line of a journal: `{"crc":"9f3a01bc","seq":12,"rec":…}`. The checksum covers every byte from
 * `"seq"` to the closing brace and goes on from the checksum of the line before, so a record that is
 * changed, lost, doubled or moved breaks the chain.
 *
 * @module
 */
import type { Json } from "../json.ts";

/** Where a chain of records stands: the last one's number and checksum. */
export interface JournalPosition {
  readonly seq: number;
  readonly crc: number;
}

/** Before the first record. */
export const START: JournalPosition = { seq: 0, crc: 0 };

/** The longest line that is read back. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024;

const CRC_HEX = 8;
const BEFORE_CRC = '{"crc":"';
const AFTER_CRC = '",';
const CHECKED_FROM = BEFORE_CRC.length + CRC_HEX + AFTER_CRC.length;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The line of the record that follows `after`, its end included, and where the chain stands then.
 *
 * @param rec the record's JSON text
 */
export function encodeRecord(
  after: JournalPosition,
  rec: string,
): { line: Uint8Array; mark: JournalPosition } {
  const seq = after.seq + 1;
  const blank = BEFORE_CRC + "0".repeat(CRC_HEX) + AFTER_CRC;
  const line = encoder.encode(`${blank}"seq":${seq},"rec":${rec}}\n`);
  const crc = crc32(line.subarray(CHECKED_FROM, line.length - 1), after.crc);
  encoder.encodeInto(crcText(crc), line.subarray(BEFORE_CRC.length));
  return { line, mark: { seq, crc } };
}

/**
 * Reads the record that follows `after` from a line without its end; `undefined` where the line is
 * anything else than exactly that record.
 */
export function decodeRecord(
  line: Uint8Array,
  after: JournalPosition,
): { rec: Json; mark: JournalPosition } | undefined {
  const seq = after.seq + 1;
  const crc = crc32(line.subarray(CHECKED_FROM), after.crc);
  const head = encoder.encode(`${BEFORE_CRC}${crcText(crc)}${AFTER_CRC}"seq":${seq},"rec":`);
  if (line.length <= head.length || !head.every((byte, at) => line[at] === byte)) return undefined;
  const rec = parse(line.subarray(head.length, line.length - 1));
  return rec === undefined ? undefined : { rec, mark: { seq, crc } };
}

/** Reads a line's content without looking at its place in the chain. */
export function peekRecord(line: Uint8Array): { seq: number; rec: Json } | undefined {
  return parse(line) as { seq: number; rec: Json } | undefined;
}

/**
 * The checksums that a line may have had when it was written, where it is damaged: the one that it
 * shows, and those that its content has behind one of `before`.
 */
export function possibleCrcs(line: Uint8Array, before: readonly number[]): number[] {
  const shown = new TextDecoder().decode(
    line.subarray(BEFORE_CRC.length, BEFORE_CRC.length + CRC_HEX),
  );
  const content = before.map((crc) => crc32(line.subarray(CHECKED_FROM), crc));
  return /^[0-9a-f]+$/.test(shown) ? [parseInt(shown, 16), ...content] : content;
}

/** A checksum as it is written: eight hexadecimal digits. */
export function crcText(crc: number): string {
  return crc.toString(16).padStart(CRC_HEX, "0");
}

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined; // the caller reports the place
  }
}

const TABLE = new Uint32Array(256).map((_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/** CRC-32 as zlib, gzip and PNG compute it (ISO 3309), going on from an earlier one. */
export function crc32(bytes: Uint8Array, from = 0): number {
  let crc = ~from;
  for (let at = 0; at < bytes.length; at++) crc = TABLE[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
