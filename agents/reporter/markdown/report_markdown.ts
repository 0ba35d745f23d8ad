import type { Analysis } from "../../shapes.ts";
import { binTimeline } from "../content/bins.ts";
import { describeBursts } from "../content/describe_bursts.ts";
import { type ChangeItem, describeChanges } from "../content/describe_changes.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatInstant,
  formatPeriod,
  formatShare,
  pluralize,
  ratio,
} from "../content/format.ts";
import type { ReportModel } from "../content/report_model.ts";
import { errorShare, errorsOf, type Summary } from "../content/summary.ts";
import { codeSpan, escapeMarkdown, NAME_CHARS_MAX, TEXT_CHARS_MAX } from "./escape_markdown.ts";
import { sparkline } from "./sparkline.ts";
import { fieldsTable, levelsTable, sourcesTable, templatesTable, withMore } from "./tables.ts";

/** Bytes of the largest report: rows and texts are limited, here and in `tables.ts`. */
export const MARKDOWN_BYTES_MAX = 64 * 1024;

const CHANGES_MAX = 10;
const BURSTS_MAX = 10;
const VALUE_FIELDS_MAX = 10;
const VALUES_MAX = 5;
const KEYWORDS_MAX = 30;
const WORD_CHARS_MAX = 40;
/** Marks of the sparkline: with its label it fits into 80 columns. */
const SPARKLINE_MARKS = 60;

/** Writes a report as Markdown that reads well without a renderer too; what is new comes first. */
export function renderMarkdown(model: ReportModel): string {
  const { analysis } = model;
  return [
    title(model),
    newsSection(analysis),
    factsSection(model),
    levelsTable(analysis),
    timelineSection(analysis),
    templatesTable(analysis),
    fieldsTable(analysis),
    valuesSection(analysis),
    keywordsSection(analysis),
    sourcesTable(analysis),
  ].filter((section) => section !== "").join("\n\n") + "\n";
}

function title({ analysis, task, headline }: ReportModel): string {
  const { stream, run, from, to } = analysis;
  return [
    `# Report on ${codeSpan(stream, NAME_CHARS_MAX)}, run ${formatCount(run)}`,
    `**${escapeMarkdown(headline)}**`,
    `${formatPeriod(from, to)}, task ${codeSpan(task, NAME_CHARS_MAX)}`,
  ].join("\n\n");
}

function newsSection(analysis: Analysis): string {
  const groups = describeChanges(analysis, CHANGES_MAX);
  const paragraphs = ["## What is new"];
  if (analysis.run === 1) {
    paragraphs.push(
      "First run of this stream: this is the baseline that later runs are compared with.",
    );
  } else if (groups.length === 0) {
    paragraphs.push("Nothing: every template, rate and value is as usual for this stream.");
  }
  for (const { title, items, more } of groups) {
    const lines = items.map(changeLines);
    if (more > 0) lines.push(`- and ${formatCount(more)} more`);
    paragraphs.push(`**${title}**`, lines.join("\n"));
  }
  return paragraphs.join("\n\n");
}

/** A list item whose lines end in two spaces: Markdown keeps such line breaks. */
function changeLines({ subject, level, words, example }: ChangeItem): string {
  const severity = level && level !== "none" ? `${level}, ` : "";
  return [
    `- ${codeSpan(subject, TEXT_CHARS_MAX)}`,
    severity + words,
    ...example ? [`for example ${codeSpan(example, TEXT_CHARS_MAX)}`] : [],
  ].join("  \n  ");
}

function factsSection({ analysis, previous }: ReportModel): string {
  const { records, from, to, cut, sources } = analysis;
  const size = formatBytes(analysis.bytes);
  const lines = [
    `- ${pluralize(records, "record")}, ${size} from ${pluralize(sources.length, "source")}`,
  ];
  if (from !== null && to !== null) {
    lines.push(`- ${formatPeriod(from, to)} (${formatDuration(to - from)})`);
  }
  if (cut > 0) lines.push(`- ${pluralize(cut, "record")} too long, shown without their end`);
  if (previous) lines.push(`- ${comparison(analysis, previous)}`);
  return `## What happened\n\n${lines.join("\n")}`;
}

/** `previous report: t6 (run 6), 8,624 records, errors 0.9 % → 6.4 %, templates 54 → 55`. */
function comparison(analysis: Analysis, previous: Summary): string {
  const before = errorShare(previous);
  const now = errorShare({ errors: errorsOf(analysis), records: analysis.records });
  const parts = [
    `previous report: ${codeSpan(previous.task, NAME_CHARS_MAX)}` +
    ` (run ${formatCount(previous.run)})`,
    pluralize(previous.records, "record"),
  ];
  if (before !== null && now !== null) {
    parts.push(`errors ${formatShare(before)} → ${formatShare(now)}`);
  }
  const templates = [previous.templates, analysis.templates.length].map(formatCount);
  parts.push(`templates ${templates.join(" → ")}`);
  return parts.join(", ");
}

function timelineSection({ timeline, bursts }: Analysis): string {
  if (!timeline || timeline.points.length === 0) return "";
  const { stepMs, bins } = binTimeline(timeline, SPARKLINE_MARKS);
  const highest = bins.reduce((max, { records }) => Math.max(max, records), 0);
  const errors = bins.reduce((sum, bin) => sum + bin.errors, 0);
  const sparklines = ["records  " + sparkline(bins.map(({ records }) => records))];
  if (errors > 0) sparklines.push("errors   " + sparkline(bins.map(({ errors }) => errors)));
  const descriptions = describeBursts(bursts, timeline.step_ms);
  const lines = descriptions.slice(0, BURSTS_MAX).map((text) => `- ${text}`);
  const more = descriptions.length - lines.length;
  if (more > 0) lines.push(`- and ${formatCount(more)} more`);
  return [
    "## Timeline",
    "```text\n" + sparklines.join("\n") + "\n```",
    `One mark is ${formatDuration(stepMs)} from ${formatInstant(bins[0].at)} UTC on; ` +
    `the highest is ${pluralize(highest, "record")}.`,
    ...lines.length > 0 ? [lines.join("\n")] : [],
  ].join("\n\n");
}

function valuesSection({ values }: Analysis): string {
  if (values.length === 0) return "";
  const lines = values.slice(0, VALUE_FIELDS_MAX).map(({ name, count, distinct, more, top }) => {
    const shares = top.slice(0, VALUES_MAX).map(([value, times]) =>
      `${codeSpan(value, WORD_CHARS_MAX)} ${formatShare(ratio(times, count))}`
    );
    const kinds = `${more ? "at least " : ""}${pluralize(distinct, "value")}`;
    return `- ${codeSpan(name, NAME_CHARS_MAX)} (${kinds}): ${shares.join(", ")}`;
  });
  return withMore(["## Values", lines.join("\n")], values.length - lines.length, "field");
}

function keywordsSection({ keywords }: Analysis): string {
  if (keywords.length === 0) return "";
  const counts = keywords.slice(0, KEYWORDS_MAX).map(([word, times]) =>
    `${codeSpan(word, WORD_CHARS_MAX)} ${formatCount(times)}`
  );
  return `## Keywords\n\n${counts.join(", ")}`;
}
