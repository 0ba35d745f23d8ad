/**
 * The sections of a report that are tables. Each is empty text if the analysis has nothing for it.
 *
 * @module
 */
import { type Analysis, LEVELS } from "../../shapes.ts";
import {
  formatBytes,
  formatCount,
  formatFieldNumber,
  formatShare,
  pluralize,
  ratio,
} from "../content/format.ts";
import { errorsOf } from "../content/summary.ts";
import { codeCell, NAME_CHARS_MAX, TEXT_CHARS_MAX } from "./escape_markdown.ts";
import { type Column, table } from "./table.ts";

const TEMPLATES_MAX = 20;
const FIELDS_MAX = 20;
const SOURCES_MAX = 10;

const LEVEL_COLUMNS: readonly Column[] = [
  { title: "level" },
  { title: "records", right: true },
  { title: "share", right: true },
];
const TEMPLATE_COLUMNS: readonly Column[] = [
  { title: "count", right: true },
  { title: "share", right: true },
  { title: "level" },
  { title: "" },
  { title: "template", ragged: true },
];
const FIELD_NUMBERS = ["min", "p50", "p90", "p99", "max"] as const;
const FIELD_COLUMNS: readonly Column[] = [
  { title: "field" },
  ...["n", ...FIELD_NUMBERS].map((title) => ({ title, right: true as const })),
];
const SOURCE_COLUMNS: readonly Column[] = [
  { title: "source" },
  { title: "format" },
  { title: "records", right: true },
  { title: "size", right: true },
];

/** Writes the table of levels; it belongs to the section before it and has no title. */
export function levelsTable(analysis: Analysis): string {
  if (errorsOf(analysis) === null) return "";
  const { levels, records } = analysis;
  const rows = LEVELS.filter((level) => levels[level])
    .map((level) => [
      level,
      formatCount(levels[level]!),
      formatShare(ratio(levels[level]!, records)),
    ]);
  return table(LEVEL_COLUMNS, rows);
}

/** Writes the table of templates, the most frequent first. */
export function templatesTable({ templates, templates_dropped, records }: Analysis): string {
  if (templates.length === 0) return "";
  const rows = templates.slice(0, TEMPLATES_MAX).map((template) => [
    formatCount(template.count),
    formatShare(ratio(template.count, records)),
    template.level,
    template.status === "new" ? "new" : "",
    codeCell(template.text, TEXT_CHARS_MAX),
  ]);
  const more = templates.length - rows.length;
  const notes: string[] = [];
  if (more > 0) notes.push(`and ${pluralize(more, "more template")}`);
  if (templates_dropped > 0) {
    notes.push(`${pluralize(templates_dropped, "record")} of rare templates`);
  }
  const lines = ["## Templates", table(TEMPLATE_COLUMNS, rows)];
  if (notes.length > 0) lines.push(`${notes.join("; ")} not shown`);
  return lines.join("\n\n");
}

/** Writes the table of numeric fields. */
export function fieldsTable({ fields }: Analysis): string {
  if (fields.length === 0) return "";
  const rows = fields.slice(0, FIELDS_MAX).map((field) => [
    codeCell(field.name, NAME_CHARS_MAX),
    formatCount(field.count),
    ...FIELD_NUMBERS.map((column) => formatFieldNumber(field, column)),
  ]);
  const lines = ["## Numbers", table(FIELD_COLUMNS, rows)];
  return withMore(lines, fields.length - rows.length, "field");
}

/** Writes the table of sources. */
export function sourcesTable({ sources }: Analysis): string {
  if (sources.length === 0) return "";
  const rows = sources.slice(0, SOURCES_MAX).map((source) => [
    codeCell(source.name, NAME_CHARS_MAX),
    source.format,
    formatCount(source.records),
    formatBytes(source.bytes),
  ]);
  const lines = ["## Sources", table(SOURCE_COLUMNS, rows)];
  return withMore(lines, sources.length - rows.length, "source");
}

/** Joins paragraphs, with a last one that says how many rows are left out, if any are. */
export function withMore(paragraphs: string[], more: number, noun: string): string {
  const last = more > 0 ? [`and ${pluralize(more, `more ${noun}`)}`] : [];
  return [...paragraphs, ...last].join("\n\n");
}
