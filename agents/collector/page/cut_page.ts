import { CodedError } from "../../../lib/errors.ts";
import { PAGE_BYTES } from "../../shapes.ts";
import { BLOCK_BYTES, type Bytes, shortened } from "../inbox/bytes.ts";
import { countLines } from "./detect.ts";
import type { Layout } from "./layout.ts";
import { RECORD_BYTES_MAX, splitterOf } from "./splitter.ts";
import { normalizeRecord } from "./normalize_record.ts";

/** The most bytes of a page's text as JSON, in which a control character takes six. */
const JSON_BYTES_MAX = 3 * PAGE_BYTES;

/**
 * The most bytes that are read for one page, so that a file of holes or spaces can't occupy the agent.
 * A record that does not end within them is refused.
 */
export const READ_BYTES_MAX = 256 * 1024 * 1024;

/** The text of a page, and where it ends. */
export interface Cut {
  /** At most `PAGE_BYTES` in UTF-8. Bytes that are no UTF-8 become U+FFFD. */
  readonly text: string;
  /** Where the next page begins. */
  readonly offset: number;
  /** Line number of the record there. */
  readonly line: number;
  /** Records that were longer than `RECORD_BYTES_MAX` and lost their end. */
  readonly cut: number;
}

/**
 * Reads whole records from `start` on until a page is full or the source ends. It holds one page and
 * one block in memory, however long the source or its lines are.
 *
 * @throws {CodedError} `handler_rejected` if the source ends before its size, `invalid_input` if a
 * record is longer than `READ_BYTES_MAX`
 */
export async function cutPage(
  bytes: Bytes,
  layout: Layout,
  start: { offset: number; line: number },
  signal: AbortSignal,
): Promise<Cut> {
  // Decoded text may take up to three times its bytes. If it does not fit, half as much is tried.
  for (let capacity = PAGE_BYTES;; capacity /= 2) {
    const cut = await fill(bytes, layout, start, signal, capacity);
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
  capacity: number,
): Promise<Cut> {
  const page = new PageBuilder(layout, start, capacity);
  const splitter = splitterOf(layout);
  const block = new Uint8Array(BLOCK_BYTES);
  for (let offset = start.offset; offset < bytes.size;) {
    signal.throwIfAborted();
    if (offset - start.offset >= READ_BYTES_MAX) {
      const cut = page.finish();
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
      if (!page.add(filled.subarray(at, end < 0 ? read : end))) return page.finish();
      if (end >= 0) page.endRecord();
      at = end < 0 ? read : end;
    }
    offset += read;
  }
  page.endRecord();
  return page.finish();
}

/** Holds the whole records of a page, and after them the record that is being read. */
class PageBuilder {
  readonly #layout: Layout;
  readonly #capacity: number;
  readonly #buffer: Uint8Array;
  /** Bytes of the whole records. */
  #size = 0;
  /** Whole records that lost their end. */
  #cutRecords = 0;
  /** Where the record that is being read begins in its source. */
  #offset: number;
  #line: number;
  /** Of that record: bytes in the buffer, bytes read, line feeds read. */
  #bufferedBytes = 0;
  #readBytes = 0;
  #readLines = 0;

  constructor(layout: Layout, start: { offset: number; line: number }, capacity: number) {
    this.#layout = layout;
    this.#capacity = capacity;
    this.#buffer = new Uint8Array(capacity + 1); // a record may grow by a line feed
    this.#offset = start.offset;
    this.#line = start.line;
  }

  /** Adds a part of the record that is being read; returns false if the page has no room for it. */
  add(part: Uint8Array): boolean {
    const buffered = part.subarray(0, RECORD_BYTES_MAX - this.#bufferedBytes);
    const end = this.#size + this.#bufferedBytes;
    if (end + buffered.length > this.#capacity) return false;
    this.#buffer.set(buffered, end);
    this.#bufferedBytes += buffered.length;
    this.#readBytes += part.length;
    this.#readLines += countLines(part);
    return true;
  }

  endRecord(): void {
    if (this.#readBytes === 0) return;
    const isCut = this.#readBytes > this.#bufferedBytes;
    const record = this.#buffer.subarray(this.#size);
    this.#size += normalizeRecord(record, this.#bufferedBytes, this.#layout, isCut);
    if (isCut) this.#cutRecords++;
    this.#offset += this.#readBytes;
    this.#line += this.#readLines;
    this.#bufferedBytes = this.#readBytes = this.#readLines = 0;
  }

  /** Returns the page without the record that is being read. */
  finish(): Cut {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      text: decoder.decode(this.#buffer.subarray(0, this.#size)),
      offset: this.#offset,
      line: this.#line,
      cut: this.#cutRecords,
    };
  }
}
