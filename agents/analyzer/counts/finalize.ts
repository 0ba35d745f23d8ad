/**
 * The end of an analysis: counts become what a reader wants to know.
 *
 * @module
 */
import type { Analysis, Field, Partial, Sketch, TemplateCount, TopValues } from "../../shapes.ts";
import { findBursts } from "./bursts.ts";
import { quantile } from "./sketch.ts";
import { byCount, regroup } from "./tally.ts";

/** An analysis that has not been compared with earlier runs. */
export type Findings = Omit<Analysis, "run" | "news" | "templates"> & {
  templates: TemplateCount[];
};

const TOP_MAX = 10;
const KEYWORDS_MAX = 20;
/** Keywords are told where at least this share of the records has neither level nor time. */
const PROSE_SHARE_MIN = 0.6;
/** Digits of a mean: sums of fractions differ in the last ones by the order they are added in. */
const MEAN_DIGITS = 12;

/** Closes a partial result; `renamed` maps the texts of its templates to the final ones. */
export function finalize(partial: Partial, renamed: ReadonlyMap<string, string>): Findings {
  const { stream, sources, records, bytes, cut, levels, timeline, templates_dropped } = partial;
  const templates = [...regroup(partial.templates, renamed).values()];
  return {
    stream,
    sources,
    records,
    bytes,
    cut,
    ...span(partial),
    levels,
    timeline,
    bursts: findBursts(timeline),
    templates: byCount(templates, ({ text }) => text),
    templates_dropped,
    fields: fieldsOf(partial),
    values: valuesOf(partial),
    keywords: isProse(partial) ? partial.words.slice(0, KEYWORDS_MAX) : [],
  };
}

/** How far the middle 80 % of a field's numbers reach. */
export function spread(sketch: Sketch): number {
  return quantile(sketch, 0.9) - quantile(sketch, 0.1);
}

/** From the first to the last instant; the timeline knows them only to its step. */
function span({ timeline, templates }: Partial): { from: number | null; to: number | null } {
  const instants = templates.flatMap(({ first_at, last_at }) => [first_at, last_at])
    .filter((at) => at !== null);
  for (const [start] of timeline?.points ?? []) {
    const inside = templates.length > 0 &&
      instants.some((at) => at >= start && at < start + timeline!.step_ms);
    if (!inside) instants.push(start);
  }
  if (instants.length === 0) return { from: null, to: null };
  return {
    from: instants.reduce((a, b) => Math.min(a, b)),
    to: instants.reduce((a, b) => Math.max(a, b)),
  };
}

/** Fields that vary stand before those that are always the same. */
function fieldsOf({ fields }: Partial): Field[] {
  const closed = fields.map(({ name, count, min, max, sum, sketch }) => {
    const at = (q: number) => Math.min(max, Math.max(min, quantile(sketch, q)));
    const mean = Number((sum / count).toPrecision(MEAN_DIGITS));
    return { name, count, min, max, mean, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
  });
  return [
    ...closed.filter(({ min, max }) => min < max),
    ...closed.filter(({ min, max }) => min === max),
  ];
}

/** Without names whose values hardly repeat: those are identifiers. */
function valuesOf({ values }: Partial): TopValues[] {
  return values.filter(({ top }) => top.length > 0).map(({ name, count, top, more }) => ({
    name,
    count,
    distinct: top.length,
    more,
    top: top.slice(0, TOP_MAX),
  }));
}

function isProse({ records, levels, timeline }: Partial): boolean {
  const timed = timeline?.points.reduce((sum, [, n]) => sum + n, 0) ?? 0;
  return (levels.none ?? 0) - timed >= records * PROSE_SHARE_MIN;
}
