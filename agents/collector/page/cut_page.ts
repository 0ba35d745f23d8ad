/**
 * Cuts the next page from a source.
 *
 * @module
 */
import { CodedError } from "../../../lib/errors.ts";
import { PAGE_BYTES } from "../../shapes.ts";
import { BLOCK_BYTES, type Bytes, shortened } from "../inbox/bytes.ts";
import { countLines } from "./detect.ts";
import type { Layout } from "./layout.ts";
import { RECORD_BYTES_MAX, splitterOf } from "./splitter.ts";
import { normalizeRecord } from "./normalize_record.ts";

/** The most bytes of a page's text as JSON, where a control character takes six. */
const JSON_BYTES_MAX = 3 * PAGE_BYTES;

/**
 * The most bytes that are read for a page, so that a file of holes or of spaces can't keep the agent
 * from all others; a record that does not end within them is refused.
 */
export const READ_BYTES_MAX = 256 * 1024 * 1024;

export interface Cut {
  /** At most `PAGE_BYTES` in UTF-8; what was no UTF-8 is U+FFFD. */
  readonly text: string;
  /** Where the next page begins. */
  readonly offset: number;
  /** Line number of the record there. */
  readonly line: number;
  /** Records that lost their end. */
  readonly cut: number;
}

/**
 * Reads whole records from `start` on until a page is full or the source ends. Holds a page and a
 * block, however long the source or its lines are.
 *
 * @throws {CodedError} `handler_rejected` when the source ends before its size, `invalid_input` when
 * a record is longer than `READ_BYTES_MAX`
 */
export async function cutPage(
  bytes: Bytes,
  layout: Layout,
  start: { offset: number; line: number },
  signal: AbortSignal,
): Promise<Cut> {
  // Text may need more room than its bytes, threefold at most: only then a second try with less.
  for (let room = PAGE_BYTES;; room /= 2) {
    const cut = await fill(bytes, layout, start, signal, room);
    if (fits(cut.text)) return cut;
  }
}

function fits(text: string): boolean {
  const encoder = new TextEncoder();
  return encoder.encode(text).length <= PAGE_BYTES &&
    encoder.encode(JSON.stringify(text)).length <= JSON_BYTES_MAX;
}

async function fill(
  bytes: Bytes,
  layout: Layout,
  start: { offset: number; line: number },
  signal: AbortSignal,
  room: number,
): Promise<Cut> {
  const records = new Records(layout, start, room);
  const splitter = splitterOf(layout);
  const block = new Uint8Array(BLOCK_BYTES);
  for (let offset = start.offset; offset < bytes.size;) {
    signal.throwIfAborted();
    if (offset - start.offset >= READ_BYTES_MAX) {
      const cut = records.cut();
      if (cut.offset > start.offset) return cut;
      throw new CodedError(
        "invalid_input",
        `Cannot collect a record of more than ${READ_BYTES_MAX} bytes, in line ${start.line}`,
      );
    }
    const read = await bytes.read(block, offset);
    if (read === 0) throw shortened();
    const filled = block.subarray(0, read);
    for (let at = 0; at < read;) {
      const end = splitter.next(filled, at);
      if (!records.add(filled.subarray(at, end < 0 ? read : end))) return records.cut();
      if (end >= 0) records.end();
      at = end < 0 ? read : end;
    }
    offset += read;
  }
  records.end();
  return records.cut();
}

/** The page in the making: whole records, and behind them the one that is being read. */
class Records {
  readonly #layout: Layout;
  readonly #kept: Uint8Array;
  readonly #room: number;
  #size = 0;
  #cuts = 0;
  #offset: number;
  #line: number;
  /** Of the record that is being read: bytes kept, bytes read, line feeds read. */
  #open = 0;
  #read = 0;
  #lines = 0;

  constructor(layout: Layout, start: { offset: number; line: number }, room: number) {
    this.#layout = layout;
    this.#room = room;
    this.#kept = new Uint8Array(room + 1);
    this.#offset = start.offset;
    this.#line = start.line;
  }

  /** Takes a part of the record; false when the page has no room for it. */
  add(part: Uint8Array): boolean {
    const kept = part.subarray(0, RECORD_BYTES_MAX - this.#open);
    if (this.#size + this.#open + kept.length > this.#room) return false;
    this.#kept.set(kept, this.#size + this.#open);
    this.#open += kept.length;
    this.#read += part.length;
    this.#lines += countLines(part);
    return true;
  }

  end(): void {
    if (this.#read === 0) return;
    const lost = this.#read > this.#open;
    const record = this.#kept.subarray(this.#size);
    this.#size += normalizeRecord(record, this.#open, this.#layout, lost);
    if (lost) this.#cuts++;
    this.#offset += this.#read;
    this.#line += this.#lines;
    this.#open = this.#read = this.#lines = 0;
  }

  cut(): Cut {
    return {
      text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        this.#kept.subarray(0, this.#size),
      ),
      offset: this.#offset,
      line: this.#line,
      cut: this.#cuts,
    };
  }
}
