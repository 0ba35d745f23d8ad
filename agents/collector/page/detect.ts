/**
 * Detects the layout of a source from its beginning.
 *
 * @module
 */
import { ITEMS_MAX } from "../../shapes.ts";
import type { Layout } from "./layout.ts";
import { isBetweenValues, splitterOf } from "./splitter.ts";
import { streamOf } from "../inbox/stream_of.ts";

/** Bytes of a source that are looked at. */
export const HEAD_BYTES = 64 * 1024;
/** Records of the beginning that are tried. */
const SAMPLE_RECORDS = 20;

/** What the beginning of a source says. */
export interface Head {
  readonly layout: Layout;
  /** Column names of CSV and TSV. */
  readonly columns?: string[];
  /** Bytes before the first record: a byte order mark, a header row, an opening bracket. */
  readonly skip: number;
  /** Line number of the first record, from 1. */
  readonly line: number;
}

/**
 * Detects the layout. The layouts are tried in this order:
 *  1. JSON lines: most sampled lines are objects.
 *  2. A JSON document: an object, or an array of objects.
 *  3. CSV and TSV: a first row that can only be names, and as many fields in each row. A file that is
 *     called `.csv` or `.tsv` needs the names only.
 *  4. Lines.
 *
 * @param beginning the first `HEAD_BYTES` of the source
 * @param isWhole whether that is the whole source
 */
export function detect(path: string, beginning: Uint8Array, isWhole: boolean): Head {
  const [first, second, third] = beginning;
  const markBytes = first === 0xef && second === 0xbb && third === 0xbf ? 3 : 0;
  const text = new Beginning(beginning.subarray(markBytes), isWhole);
  const ending = /\.(\w+)$/.exec(streamOf(path))?.[1].toLowerCase();
  const head = jsonLines(text, ending) ?? jsonDocument(text) ?? table(text, ending);
  return head === undefined
    ? { layout: "lines", skip: markBytes, line: 1 }
    : { ...head, skip: head.skip + markBytes };
}

/** Whether a source with this beginning is no text. */
export function isBinary(beginning: Uint8Array): boolean {
  return beginning.includes(0);
}

class Beginning {
  readonly bytes: Uint8Array;
  readonly isWhole: boolean;
  readonly #decoder = new TextDecoder();

  constructor(bytes: Uint8Array, isWhole: boolean) {
    this.bytes = bytes;
    this.isWhole = isWhole;
  }

  /** Returns the first complete records with their ends. */
  records(layout: Layout, max: number): string[] {
    const splitter = splitterOf(layout);
    const records: string[] = [];
    for (let from = 0; from < this.bytes.length && records.length < max;) {
      const end = splitter.next(this.bytes, from);
      if (end < 0 && !this.isWhole) break;
      records.push(this.decode(from, end < 0 ? this.bytes.length : end));
      from = end < 0 ? this.bytes.length : end;
    }
    return records;
  }

  decode(from: number, to = this.bytes.length): string {
    return this.#decoder.decode(this.bytes.subarray(from, to));
  }
}

function jsonLines(text: Beginning, ending: string | undefined): Head | undefined {
  const sample = text.records("ndjson", SAMPLE_RECORDS).filter((line) => line.trim() !== "");
  const objects = sample.filter(isObject).length;
  const named = ending === "jsonl" || ending === "ndjson";
  const fits = sample.length === 0
    ? named && /^\s*\{/.test(text.decode(0))
    : isObject(sample[0]) && objects * 2 > sample.length;
  return fits ? { layout: "ndjson", skip: 0, line: 1 } : undefined;
}

function jsonDocument(text: Beginning): Head | undefined {
  const start = text.bytes.findIndex((byte) => !isBetweenValues(byte));
  if (start < 0 || !/^\s*(\[\s*)?\{/.test(text.decode(0, start + 1))) return;
  const next = splitterOf("json").next(text.bytes, start);
  let end = next < 0 ? text.bytes.length : next;
  while (isBetweenValues(text.bytes[end - 1])) end--;
  const fits = next < 0 && !text.isWhole
    ? /^\{\s*"/.test(text.decode(start))
    : isObject(text.decode(start, end));
  if (!fits) return;
  return { layout: "json", skip: start, line: 1 + countLines(text.bytes.subarray(0, start)) };
}

function table(text: Beginning, ending: string | undefined): Head | undefined {
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

/** What a column may be called in a file that is named as a table. */
const TITLE = /^[\p{L}_][\p{L}\p{N} _.,:()/%#-]{0,127}$/u;
/** What a column may be called in any other file. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

const FIELD = {
  ",": /,(?:"((?:[^"]|"")*)"|([^,]*))/gy,
  "\t": /\t(?:"((?:[^"]|"")*)"|([^\t]*))/gy,
};

/** Splits a row (RFC 4180) into its fields. */
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
    return false; // another layout is tried
  }
}

/** Returns the number of line feeds. */
export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = -1; (at = bytes.indexOf(0x0a, at + 1)) >= 0;) lines++;
  return lines;
}
