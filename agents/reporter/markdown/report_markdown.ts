import { type Analysis, LEVELS } from "../../shapes.ts";
import { bins } from "../content/bins.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFieldNumber,
  formatInstant,
  formatPeriod,
  formatShare,
  pluralize,
  ratio,
} from "../content/format.ts";
import { codeCell, codeSpan, escapeMarkdown, table } from "./escape_markdown.ts";
import { describeChanges } from "../content/describe_changes.ts";
import type { ReportModel } from "../content/report_model.ts";
import { sparkline } from "./sparkline.ts";
import { describeBursts } from "../content/describe_bursts.ts";
import { errorShare, errorsOf, type Summary } from "../content/summary.ts";

/** The report is never larger, because the rows and the text in each are limited below. */
export const MARKDOWN_BYTES_MAX = 64 * 1024;

const NEWS_SHOWN = 10;
const TEMPLATES_SHOWN = 20;
const FIELDS_SHOWN = 20;
const VALUE_FIELDS_SHOWN = 10;
const VALUES_SHOWN = 5;
const KEYWORDS_SHOWN = 30;
const SOURCES_SHOWN = 10;
const BURSTS_SHOWN = 10;
/** Marks of the sparkline: with its label it fits into 80 columns. */
const SPARKLINE_MARKS = 60;

const TEXT_MAX = 160;
const NAME_MAX = 60;
const WORD_MAX = 40;

/** Writes a report as Markdown that can be read without a renderer too: what is new comes first. */
export function renderMarkdown(parts: ReportModel): string {
  const { analysis } = parts;
  return [
    title(parts),
    news(analysis),
    facts(parts),
    levels(analysis),
    timeline(analysis),
    templates(analysis),
    fields(analysis),
    values(analysis),
    keywords(analysis),
    sources(analysis),
  ].filter((section) => section !== "").join("\n\n") + "\n";
}

function title({ analysis, task, headline }: ReportModel): string {
  const { stream, run, from, to } = analysis;
  return [
    `# Report on ${codeSpan(stream, NAME_MAX)}, run ${formatCount(run)}`,
    `**${escapeMarkdown(headline)}**`,
    `${formatPeriod(from, to)}, task ${codeSpan(task, NAME_MAX)}`,
  ].join("\n\n");
}

function news(analysis: Analysis): string {
  const groups = describeChanges(analysis, NEWS_SHOWN);
  const lines = ["## What is new"];
  if (analysis.run === 1) {
    lines.push("First run of this stream: this is the baseline that later runs are compared with.");
  } else if (groups.length === 0) {
    lines.push("Nothing: every template, rate and value is as usual for this stream.");
  }
  for (const { title, items, more } of groups) {
    const told = items.map(({ subject, level, words, example }) => {
      const first = `- ${codeSpan(subject, TEXT_MAX)}  \n  ${
        level && level !== "none" ? `${level}, ` : ""
      }${words}`;
      return example ? `${first}  \n  for example ${codeSpan(example, TEXT_MAX)}` : first;
    });
    if (more > 0) told.push(`- and ${formatCount(more)} more`);
    lines.push(`**${title}**`, told.join("\n"));
  }
  return lines.join("\n\n");
}

function facts({ analysis, previous }: ReportModel): string {
  const { records, from, to, cut } = analysis;
  const lines = [
    `- ${pluralize(records, "record")}, ${formatBytes(analysis.bytes)} from ` +
    pluralize(analysis.sources.length, "source"),
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
  return [
    `previous report: ${codeSpan(previous.task, NAME_MAX)} (run ${formatCount(previous.run)})`,
    pluralize(previous.records, "record"),
    ...before !== null && now !== null
      ? [`errors ${formatShare(before)} → ${formatShare(now)}`]
      : [],
    `templates ${formatCount(previous.templates)} → ${formatCount(analysis.templates.length)}`,
  ].join(", ");
}

function levels(analysis: Analysis): string {
  if (errorsOf(analysis) === null) return "";
  const { levels, records } = analysis;
  const rows = LEVELS.filter((level) => levels[level])
    .map((
      level,
    ) => [level, formatCount(levels[level]!), formatShare(ratio(levels[level]!, records))]);
  const head = [{ title: "level" }, { title: "records", right: true }, {
    title: "share",
    right: true,
  }] as const;
  return table(head, rows);
}

function timeline({ timeline, bursts }: Analysis): string {
  if (!timeline || timeline.points.length === 0) return "";
  const { stepMs, list } = bins(timeline, SPARKLINE_MARKS);
  const top = list.reduce((max, { records }) => Math.max(max, records), 0);
  const errors = list.reduce((sum, bin) => sum + bin.errors, 0);
  const drawn = ["records  " + sparkline(list.map(({ records }) => records))];
  if (errors > 0) drawn.push("errors   " + sparkline(list.map(({ errors }) => errors)));
  const told = describeBursts(bursts, timeline.step_ms);
  const lines = told.slice(0, BURSTS_SHOWN).map((text) => `- ${text}`);
  if (told.length > BURSTS_SHOWN) {
    lines.push(`- and ${formatCount(told.length - BURSTS_SHOWN)} more`);
  }
  return [
    "## Timeline",
    "```text\n" + drawn.join("\n") + "\n```",
    `One mark is ${formatDuration(stepMs)} from ${formatInstant(list[0].at)} UTC on; ` +
    `the highest is ${pluralize(top, "record")}.`,
    ...lines.length > 0 ? [lines.join("\n")] : [],
  ].join("\n\n");
}

function templates({ templates, templates_dropped, records }: Analysis): string {
  if (templates.length === 0) return "";
  const shown = templates.slice(0, TEMPLATES_SHOWN);
  const rows = shown.map((template) => [
    formatCount(template.count),
    formatShare(ratio(template.count, records)),
    template.level,
    template.status === "new" ? "new" : "",
    codeCell(template.text, TEXT_MAX),
  ]);
  const head = [
    { title: "count", right: true },
    { title: "share", right: true },
    { title: "level" },
    { title: "" },
    { title: "template", ragged: true },
  ] as const;
  const rest = templates.length - shown.length;
  const notes: string[] = [];
  if (rest > 0) notes.push(`and ${pluralize(rest, "more template")}`);
  if (templates_dropped > 0) {
    notes.push(`${pluralize(templates_dropped, "record")} of rare templates`);
  }
  const lines = ["## Templates", table(head, rows)];
  if (notes.length > 0) lines.push(`${notes.join("; ")} not shown`);
  return lines.join("\n\n");
}

function fields({ fields }: Analysis): string {
  if (fields.length === 0) return "";
  const columns = ["min", "p50", "p90", "p99", "max"] as const;
  const shown = fields.slice(0, FIELDS_SHOWN);
  const rows = shown.map((field) => [
    codeCell(field.name, NAME_MAX),
    formatCount(field.count),
    ...columns.map((column) => formatFieldNumber(field, column)),
  ]);
  const head = [
    { title: "field" },
    ...["n", ...columns].map((title) => ({ title, right: true as const })),
  ];
  return withRest(["## Numbers", table(head, rows)], fields.length - shown.length, "field");
}

function values({ values }: Analysis): string {
  if (values.length === 0) return "";
  const shown = values.slice(0, VALUE_FIELDS_SHOWN);
  const lines = shown.map(({ name, count: records, distinct, more, top }) => {
    const told = top.slice(0, VALUES_SHOWN).map(([value, times]) =>
      `${codeSpan(value, WORD_MAX)} ${formatShare(ratio(times, records))}`
    );
    const kinds = `${more ? "at least " : ""}${pluralize(distinct, "value")}`;
    return `- ${codeSpan(name, NAME_MAX)} (${kinds}): ${told.join(", ")}`;
  });
  return withRest(["## Values", lines.join("\n")], values.length - shown.length, "field");
}

function keywords({ keywords }: Analysis): string {
  if (keywords.length === 0) return "";
  const told = keywords.slice(0, KEYWORDS_SHOWN).map(([word, times]) =>
    `${codeSpan(word, WORD_MAX)} ${formatCount(times)}`
  );
  return `## Keywords\n\n${told.join(", ")}`;
}

function sources({ sources }: Analysis): string {
  if (sources.length === 0) return "";
  const shown = sources.slice(0, SOURCES_SHOWN);
  const rows = shown.map((source) => [
    codeCell(source.name, NAME_MAX),
    source.format,
    formatCount(source.records),
    formatBytes(source.bytes),
  ]);
  const head = [
    { title: "source" },
    { title: "format" },
    { title: "records", right: true },
    { title: "size", right: true },
  ] as const;
  return withRest(["## Sources", table(head, rows)], sources.length - shown.length, "source");
}

function withRest(lines: string[], rest: number, noun: string): string {
  return [...lines, ...rest > 0 ? [`and ${pluralize(rest, `more ${noun}`)}`] : []].join("\n\n");
}
