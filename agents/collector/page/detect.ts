/**
 * Tells the layout of a source by looking at its beginning.
 *
 * @module
 */
import { ITEMS_MAX } from "../../shapes.ts";
import type { Layout } from "./layout.ts";
import { isBetweenValues, splitterOf } from "./splitter.ts";
import { streamOf } from "../inbox/stream_of.ts";

/** How much of a source is looked at. */
export const HEAD_BYTES = 64 * 1024;
/** Records of the head that are tried. */
const SAMPLE_RECORDS = 20;

export interface Head {
  readonly layout: Layout;
  readonly columns?: string[];
  /** Bytes before the first record: a byte order mark, a header row, an opening bracket. */
  readonly skip: number;
  /** Line number of the first record, from 1. */
  readonly line: number;
}

/**
 * Looks at the first `HEAD_BYTES` of a source, or at all of it where it is shorter (`whole`).
 *
 * Tried in this order: JSON lines (most sampled lines are objects), a JSON document (an object, or
 * an array of objects), CSV and TSV (a first row that can only be names, and as many fields in each
 * row; a file that is called `.csv` or `.tsv` needs the names only), lines.
 */
export function detect(path: string, head: Uint8Array, whole: boolean): Head {
  const skip = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  const text = new Text(head.subarray(skip), whole);
  const ending = /\.(\w+)$/.exec(streamOf(path))?.[1].toLowerCase();
  const found = jsonLines(text, ending) ?? jsonDocument(text) ?? table(text, ending);
  return found === undefined
    ? { layout: "lines", skip, line: 1 }
    : { ...found, skip: found.skip + skip };
}

/** Whether a source that begins so is no text at all. */
export function isBinary(head: Uint8Array): boolean {
  return head.includes(0);
}

class Text {
  readonly bytes: Uint8Array;
  readonly whole: boolean;
  readonly #decoder = new TextDecoder();

  constructor(bytes: Uint8Array, whole: boolean) {
    this.bytes = bytes;
    this.whole = whole;
  }

  /** The first records, ends included, as far as they are complete. */
  records(layout: Layout, max: number): string[] {
    const splitter = splitterOf(layout);
    const records: string[] = [];
    for (let from = 0; from < this.bytes.length && records.length < max;) {
      const end = splitter.next(this.bytes, from);
      if (end < 0 && !this.whole) break;
      records.push(this.decode(from, end < 0 ? this.bytes.length : end));
      from = end < 0 ? this.bytes.length : end;
    }
    return records;
  }

  decode(from: number, to = this.bytes.length): string {
    return this.#decoder.decode(this.bytes.subarray(from, to));
  }
}

function jsonLines(text: Text, ending: string | undefined): Head | undefined {
  const sample = text.records("ndjson", SAMPLE_RECORDS).filter((line) => line.trim() !== "");
  const objects = sample.filter(isObject).length;
  const named = ending === "jsonl" || ending === "ndjson";
  const fits = sample.length === 0
    ? named && /^\s*\{/.test(text.decode(0))
    : isObject(sample[0]) && objects * 2 > sample.length;
  return fits ? { layout: "ndjson", skip: 0, line: 1 } : undefined;
}

function jsonDocument(text: Text): Head | undefined {
  const start = text.bytes.findIndex((byte) => !isBetweenValues(byte));
  if (start < 0 || !/^\s*(\[\s*)?\{/.test(text.decode(0, start + 1))) return;
  const next = splitterOf("json").next(text.bytes, start);
  let end = next < 0 ? text.bytes.length : next;
  while (isBetweenValues(text.bytes[end - 1])) end--;
  const fits = next < 0 && !text.whole
    ? /^\{\s*"/.test(text.decode(start))
    : isObject(text.decode(start, end));
  if (!fits) return;
  return { layout: "json", skip: start, line: 1 + countLines(text.bytes.subarray(0, start)) };
}

function table(text: Text, ending: string | undefined): Head | undefined {
  for (const [layout, separator] of [["csv", ","], ["tsv", "\t"]] as const) {
    const [header, ...rows] = text.records(layout, SAMPLE_RECORDS);
    if (header === undefined) return;
    const columns = fields(header, separator);
    const named = ending === layout;
    // A wider table is read as lines.
    const fits = columns.length <= ITEMS_MAX.columns && new Set(columns).size === columns.length &&
      columns.every((column) => (named ? TITLE : IDENTIFIER).test(column)) &&
      (named || columns.length > 1 && rows.length > 1 &&
          rows.every((row) => fields(row, separator).length === columns.length));
    if (!fits) continue;
    const end = splitterOf(layout).next(text.bytes, 0);
    const skip = end < 0 ? text.bytes.length : end;
    return { layout, columns, skip, line: 1 + countLines(text.bytes.subarray(0, skip)) };
  }
}

/** What a column of a file that says that it is a table may be called. */
const TITLE = /^[\p{L}_][\p{L}\p{N} _.,:()/%#-]{0,127}$/u;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

const FIELD = {
  ",": /,(?:"((?:[^"]|"")*)"|([^,]*))/gy,
  "\t": /\t(?:"((?:[^"]|"")*)"|([^\t]*))/gy,
};

/** The fields of a row (RFC 4180), its end taken off. */
function fields(row: string, separator: "," | "\t"): string[] {
  return [...(separator + row.replace(/\r?\n$/, "")).matchAll(FIELD[separator])]
    .map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain);
}

function isObject(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // the text is then read in another way
  }
}

/** Counts line feeds. */
export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = -1; (at = bytes.indexOf(0x0a, at + 1)) >= 0;) lines++;
  return lines;
}
