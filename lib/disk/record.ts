/**
 * One line of a journal: `{"crc":"9f3a01bc","seq":12,"rec":…}`. The checksum covers every byte from
 * `"seq"` to the closing brace and continues the checksum of the line before. So a record that is
 * changed, lost, doubled or moved breaks the chain.
 *
 * @module
 */
import type { Json } from "../json.ts";

/** A position in the journal: the number and checksum of the last record before it. */
export interface JournalPosition {
  readonly seq: number;
  readonly crc: number;
}

/** The position before the first record. */
export const START: JournalPosition = { seq: 0, crc: 0 };

/** The longest line that a reader accepts. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024;

const CRC_HEX = 8;
const BEFORE_CRC = '{"crc":"';
const AFTER_CRC = '",';
const CHECKED_FROM = BEFORE_CRC.length + CRC_HEX + AFTER_CRC.length;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes the record that follows `after`.
 *
 * @param json the record's JSON text
 * @returns the line with its line feed, and the position after it
 */
export function encodeRecord(
  after: JournalPosition,
  json: string,
): { line: Uint8Array; position: JournalPosition } {
  const seq = after.seq + 1;
  const blank = BEFORE_CRC + "0".repeat(CRC_HEX) + AFTER_CRC;
  const line = encoder.encode(`${blank}"seq":${seq},"rec":${json}}\n`);
  const crc = crc32(line.subarray(CHECKED_FROM, line.length - 1), after.crc);
  encoder.encodeInto(crcText(crc), line.subarray(BEFORE_CRC.length));
  return { line, position: { seq, crc } };
}

/**
 * Decodes the record that follows `after` from a line without its line feed. Returns `undefined` if the
 * line is anything but exactly that record.
 */
export function decodeRecord(
  line: Uint8Array,
  after: JournalPosition,
): { rec: Json; position: JournalPosition } | undefined {
  const seq = after.seq + 1;
  const crc = crc32(line.subarray(CHECKED_FROM), after.crc);
  const head = encoder.encode(`${BEFORE_CRC}${crcText(crc)}${AFTER_CRC}"seq":${seq},"rec":`);
  if (line.length <= head.length || !head.every((byte, at) => line[at] === byte)) return undefined;
  const rec = parse(line.subarray(head.length, line.length - 1));
  return rec === undefined ? undefined : { rec, position: { seq, crc } };
}

/** Reads a line's content without checking its checksum. */
export function peekRecord(line: Uint8Array): { seq: number; rec: Json } | undefined {
  return parse(line) as { seq: number; rec: Json } | undefined;
}

/**
 * Returns the checksums that a damaged line may have had when it was written: the checksum in the line,
 * and the checksums of its content after each of `before`.
 */
export function possibleCrcs(line: Uint8Array, before: readonly number[]): number[] {
  const written = new TextDecoder().decode(
    line.subarray(BEFORE_CRC.length, BEFORE_CRC.length + CRC_HEX),
  );
  const content = before.map((crc) => crc32(line.subarray(CHECKED_FROM), crc));
  return /^[0-9a-f]+$/.test(written) ? [parseInt(written, 16), ...content] : content;
}

/** Returns a checksum as eight hexadecimal digits. */
export function crcText(crc: number): string {
  return crc.toString(16).padStart(CRC_HEX, "0");
}

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined; // the caller reports where
  }
}

const TABLE = new Uint32Array(256).map((_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/** Returns the CRC-32 of zlib, gzip and PNG (ISO 3309); `from` is the checksum of the bytes before. */
export function crc32(bytes: Uint8Array, from = 0): number {
  let crc = ~from;
  for (let at = 0; at < bytes.length; at++) crc = TABLE[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
