/**
 * What is new in a run, in words: the same for every form of the report.
 *
 * @module
 */
import { type Analysis, type Change, type Level, LEVELS, type Template } from "../../shapes.ts";
import { formatCount, formatNumber, formatShare, pluralize, ratio } from "./format.ts";

/** One thing that is new. `subject` and `example` are as the input has them. */
export interface Item {
  readonly subject: string;
  readonly words: string;
  readonly level?: Level;
  readonly example?: string;
}

/** Things that are new in the same way; `more` of them are left out. */
export interface Group {
  readonly title: string;
  readonly items: readonly Item[];
  readonly more: number;
}

const RUN_OF_CHANGES: readonly Change["kind"][] = ["volume", "level", "rate", "value"];

/** Puts what is new in groups of at most `max` items, the most important first. */
export function describeChanges(analysis: Analysis, max: number): Group[] {
  const { news } = analysis;
  const byId = new Map(analysis.templates.map((template) => [template.id, template]));
  const appeared = news.appeared
    .map((id) => byId.get(id))
    .filter((template) => template !== undefined)
    .sort(worstFirst);
  const changed = news.changed.toSorted((a, b) =>
    RUN_OF_CHANGES.indexOf(a.kind) - RUN_OF_CHANGES.indexOf(b.kind)
  );
  return [
    group(
      pluralize(news.appeared.length, "new template"),
      news.appeared.length,
      appeared.slice(0, max).map((template) => tellAppeared(template, analysis.records)),
    ),
    group(
      pluralize(news.silent.length, "silent template"),
      news.silent.length,
      news.silent.slice(0, max).map(({ text, usual }) => ({
        subject: text,
        words: `about ${about(usual)} expected, none came`,
      })),
    ),
    group(
      pluralize(news.changed.length, "change"),
      news.changed.length,
      changed.slice(0, max).map((change) => tellChange(change, byId)),
    ),
  ].filter(({ items, more }) => items.length + more > 0);
}

function group(title: string, all: number, items: Item[]): Group {
  return { title, items, more: all - items.length };
}

function worstFirst(a: Template, b: Template): number {
  return LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || b.count - a.count;
}

function tellAppeared(template: Template, records: number): Item {
  const part = formatShare(ratio(template.count, records));
  return {
    subject: template.text,
    level: template.level,
    words: `${pluralize(template.count, "record")}, ${part} of all`,
    example: template.example,
  };
}

function tellChange(change: Change, byId: Map<string, Template>): Item {
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
function compare(now: number, usual: number, noun: string, shown: string, before: string): string {
  const told = now > 0 && usual > 0
    ? `${factor(now / usual)} times the usual ${noun}`
    : `${noun} changed`;
  return `${told}: ${shown} instead of ${before}`;
}

/** An expected count is a mean: digits behind its point say nothing unless it is small. */
function about(records: number): string {
  return records >= 10
    ? pluralize(Math.round(records), "record")
    : `${formatNumber(records)} records`;
}

function factor(times: number): string {
  if (times >= 10) return formatCount(times);
  return times >= 1 ? times.toFixed(1) : formatNumber(Number(times.toPrecision(2)));
}
