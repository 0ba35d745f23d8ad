/**
 * Finds where records end.
 *
 * @module
 */
import type { Layout } from "./layout.ts";

/** The most bytes of a record that are kept. A longer record loses its end and is counted as cut. */
export const RECORD_BYTES_MAX = 64 * 1024;

/** Takes the blocks of a source in order. The first block begins at the start of a record. */
export interface Splitter {
  /** Returns the offset after the record that continues at `from`, or -1 if it ends in a later block. */
  next(block: Uint8Array, from: number): number;
}

/** Returns a splitter for the records of a layout. */
export function splitterOf(layout: Layout): Splitter {
  switch (layout) {
    case "lines":
    case "ndjson":
      return lines;
    case "csv":
      return new RowSplitter(COMMA);
    case "tsv":
      return new RowSplitter(TAB);
    case "json":
      return new ValueSplitter();
  }
}

const LINE_FEED = 0x0a, RETURN = 0x0d, TAB = 0x09, SPACE = 0x20, COMMA = 0x2c;
const QUOTE = 0x22, BACKSLASH = 0x5c, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

const lines: Splitter = {
  next: (block, from) => block.indexOf(LINE_FEED, from) + 1 || -1,
};

/**
 * Rows of CSV and TSV (RFC 4180): a line feed inside quotes does not end a row. A quote opens only
 * at the start of a field, so that `5" pipe` stays one field, and a row over the limit ends at its
 * next line feed, so that an unclosed quote costs one record and not the rest of the file.
 */
class RowSplitter implements Splitter {
  readonly #separator: number;
  #state: "start" | "plain" | "quoted" | "closed" = "start";
  #bytes = 0;

  constructor(separator: number) {
    this.#separator = separator;
  }

  next(block: Uint8Array, from: number): number {
    for (let at = from; at < block.length; at++) {
      const byte = block[at];
      this.#bytes++;
      if (this.#state === "quoted" && this.#bytes <= RECORD_BYTES_MAX) {
        if (byte === QUOTE) this.#state = "closed";
      } else if (byte === LINE_FEED) {
        this.#state = "start";
        this.#bytes = 0;
        return at + 1;
      } else if (byte === this.#separator) {
        this.#state = "start";
      } else if (byte === QUOTE && (this.#state === "start" || this.#state === "closed")) {
        this.#state = "quoted";
      } else {
        this.#state = "plain";
      }
    }
    return -1;
  }
}

/** Whether a byte may stand between the values of a JSON document. Brackets may: arrays lose them. */
export function isBetweenValues(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB ||
    byte === COMMA || byte === OPEN_ARRAY || byte === CLOSE_ARRAY;
}

/**
 * The outermost values of a JSON document: of one object, of several, or of an array. A record is a
 * value and all bytes up to the next value, so each record begins at its value.
 */
class ValueSplitter implements Splitter {
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #state: "before" | "inside" | "after" = "before";

  next(block: Uint8Array, from: number): number {
    for (let at = from; at < block.length; at++) {
      const byte = block[at];
      if (this.#isString) {
        this.#inString(byte);
      } else if (this.#depth > 0) {
        if (byte === QUOTE) this.#isString = true;
        else if (byte === OPEN_OBJECT) this.#depth++;
        else if (byte === CLOSE_OBJECT && --this.#depth === 0) this.#state = "after";
      } else if (isBetweenValues(byte)) {
        if (this.#state === "inside") this.#state = "after";
      } else if (this.#state === "after") {
        this.#state = "before";
        return at;
      } else {
        this.#state = "inside";
        if (byte === QUOTE) this.#isString = true;
        else if (byte === OPEN_OBJECT) this.#depth++;
      }
    }
    return -1;
  }

  #inString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#isString = false;
  }
}
