/**
 * CSV (RFC 4180: fields may be quoted, quotes are doubled, quoted fields may hold line ends) and
 * TSV (no quotes).
 *
 * @module
 */
import type { Entry } from "./entry.ts";
import { entryFromFields } from "./entry_from_fields.ts";

/** Fields of a record that are read; the others are ignored. */
const FIELDS_READ_MAX = 512;

/**
 * Reads the records of a table; blank lines are none.
 *
 * @param columns names from the header row; a column without a name is called `column_<n>`, from 1
 */
export function* readDelimited(
  text: string,
  separator: "," | "\t",
  columns: readonly string[],
): Generator<Entry> {
  const names = columns.map((column, index) => column.trim() || columnName(index));
  for (const { fields, raw } of splitRecords(text, separator)) {
    const named = fields.map((field, index): [string, string] => [
      names[index] ?? columnName(index),
      field,
    ]);
    yield entryFromFields(named, raw);
  }
}

function columnName(index: number): string {
  return `column_${index + 1}`;
}

function* splitRecords(
  text: string,
  separator: "," | "\t",
): Generator<{ fields: string[]; raw: string }> {
  let start = 0;
  while (start < text.length) {
    const { fields, end } = recordAt(text, start, separator);
    const raw = text.slice(start, end).trimEnd();
    if (raw !== "") yield { fields, raw };
    start = end;
  }
}

function recordAt(
  text: string,
  from: number,
  separator: string,
): { fields: string[]; end: number } {
  const fields: string[] = [];
  let position = from;
  while (true) {
    const quoted = separator === "," && text[position] === '"';
    const { field, end } = quoted ? quotedAt(text, position) : plainAt(text, position, separator);
    if (fields.length < FIELDS_READ_MAX) fields.push(field);
    if (text[end] === separator) {
      position = end + 1;
      continue;
    }
    return { fields, end: afterLineEnd(text, end) };
  }
}

function plainAt(text: string, from: number, separator: string): { field: string; end: number } {
  let end = from;
  while (end < text.length && text[end] !== separator && text[end] !== "\n" && text[end] !== "\r") {
    end++;
  }
  return { field: text.slice(from, end), end };
}

/** Reads a quoted field; text between its closing quote and the separator is ignored. */
function quotedAt(text: string, from: number): { field: string; end: number } {
  let position = from + 1;
  let field = "";
  while (true) {
    const quote = text.indexOf('"', position);
    if (quote < 0) return { field: field + text.slice(position), end: text.length };
    field += text.slice(position, quote);
    if (text[quote + 1] !== '"') return { field, end: plainAt(text, quote + 1, ",").end };
    field += '"';
    position = quote + 2;
  }
}

function afterLineEnd(text: string, end: number): number {
  if (text[end] === "\r" && text[end + 1] === "\n") return end + 2;
  return end < text.length ? end + 1 : end;
}
