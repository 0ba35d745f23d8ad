/**
 * What is new in a run, in words: the same for every form of the report.
 *
 * @module
 */
import { type Analysis, type Change, type Level, LEVELS, type Template } from "../../shapes.ts";
import { formatCount, formatNumber, formatShare, pluralize, ratio } from "./format.ts";

/** One thing that is new, in words. */
export interface ChangeItem {
  /** A template, a field or a level; text from outside, not escaped. */
  readonly subject: string;
  readonly words: string;
  readonly level?: Level;
  /** A record of a new template; text from outside, not escaped. */
  readonly example?: string;
}

/** Things that are new in the same way. */
export interface ChangeGroup {
  readonly title: string;
  readonly items: readonly ChangeItem[];
  /** Number of further items that are left out. */
  readonly more: number;
}

/** Kinds of changes in the order in which they are listed. */
const KINDS: readonly Change["kind"][] = ["volume", "level", "rate", "value"];

/** Describes what is new, in groups of at most `itemsMax` items, the most important first. */
export function describeChanges(analysis: Analysis, itemsMax: number): ChangeGroup[] {
  const { news } = analysis;
  const byId = new Map(analysis.templates.map((template) => [template.id, template]));
  const appeared = news.appeared
    .map((id) => byId.get(id))
    .filter((template) => template !== undefined)
    .sort(bySeverity);
  const changed = news.changed.toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  return [
    group(
      pluralize(news.appeared.length, "new template"),
      news.appeared.length,
      appeared.slice(0, itemsMax).map((template) => describeAppeared(template, analysis.records)),
    ),
    group(
      pluralize(news.silent.length, "silent template"),
      news.silent.length,
      news.silent.slice(0, itemsMax).map(({ text, usual }) => ({
        subject: text,
        words: `about ${formatExpected(usual)} expected, none came`,
      })),
    ),
    group(
      pluralize(news.changed.length, "change"),
      news.changed.length,
      changed.slice(0, itemsMax).map((change) => describeChange(change, byId)),
    ),
  ].filter(({ items, more }) => items.length + more > 0);
}

function group(title: string, total: number, items: ChangeItem[]): ChangeGroup {
  return { title, items, more: total - items.length };
}

function bySeverity(a: Template, b: Template): number {
  return LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || b.count - a.count;
}

function describeAppeared(template: Template, records: number): ChangeItem {
  const share = formatShare(ratio(template.count, records));
  return {
    subject: template.text,
    level: template.level,
    words: `${pluralize(template.count, "record")}, ${share} of all`,
    example: template.example,
  };
}

function describeChange(change: Change, byId: Map<string, Template>): ChangeItem {
  const { kind, subject, now, usual } = change;
  switch (kind) {
    case "rate": {
      const known = byId.get(subject);
      return {
        subject: known?.text ?? change.text,
        level: known?.level,
        words: compare(now, usual, "rate", `${formatShare(now)} of records`, formatShare(usual)),
      };
    }
    case "level":
      return {
        subject: `level ${subject}`,
        words: compare(now, usual, "share", `${formatShare(now)} of records`, formatShare(usual)),
      };
    case "value":
      return {
        subject,
        words: compare(now, usual, "median", formatNumber(now), formatNumber(usual)),
      };
    case "volume":
      return {
        subject: "records in a run",
        words: compare(now, usual, "volume", pluralize(now, "record"), formatCount(usual)),
      };
  }
}

/** `3.1 times the usual rate: 12.0 % of records instead of 3.9 %`. */
function compare(
  now: number,
  usual: number,
  noun: string,
  nowText: string,
  usualText: string,
): string {
  const comparison = now > 0 && usual > 0
    ? `${formatFactor(now / usual)} times the usual ${noun}`
    : `${noun} changed`;
  return `${comparison}: ${nowText} instead of ${usualText}`;
}

/** An expected count is a mean: digits after its point matter only if it is small. */
function formatExpected(records: number): string {
  return records >= 10
    ? pluralize(Math.round(records), "record")
    : `${formatNumber(records)} records`;
}

function formatFactor(times: number): string {
  if (times >= 10) return formatCount(times);
  return times >= 1 ? times.toFixed(1) : formatNumber(Number(times.toPrecision(2)));
}
