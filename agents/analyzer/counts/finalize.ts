/**
 * The last step of counting: a partial result becomes what a reader wants to know.
 *
 * @module
 */
import type { Analysis, Field, Partial, TemplateCount, TopValues } from "../../shapes.ts";
import { findBursts } from "./bursts.ts";
import { byCount } from "./order.ts";
import { regroupTemplates } from "./regroup_templates.ts";
import { quantile } from "./sketch.ts";

/** What one run says by itself: an analysis that is not yet compared with earlier runs. */
export type Findings = Omit<Analysis, "run" | "news" | "templates"> & {
  templates: TemplateCount[];
};

const TOP_VALUES_MAX = 10;
const KEYWORDS_MAX = 20;
/** A run is prose if at least this share of its records has neither level nor time. */
const PROSE_SHARE_MIN = 0.6;
/** Digits of a mean: the last ones of a sum depend on the order of adding. */
const MEAN_DIGITS = 12;

/**
 * Turns a partial result into findings: quantiles, bursts, top values, keywords.
 *
 * @param renamed text of each template to its final text
 */
export function finalize(partial: Partial, renamed: ReadonlyMap<string, string>): Findings {
  const { stream, sources, records, bytes, cut, levels, timeline, templates_dropped } = partial;
  const templates = regroupTemplates(partial.templates, renamed).values();
  return {
    stream,
    sources,
    records,
    bytes,
    cut,
    ...period(partial),
    levels,
    timeline,
    bursts: findBursts(timeline),
    templates: byCount(templates, ({ text }) => text),
    templates_dropped,
    fields: finalizeFields(partial),
    values: finalizeValues(partial),
    keywords: isMostlyProse(partial) ? partial.words.slice(0, KEYWORDS_MAX) : [],
  };
}

/**
 * The first and the last instant. Templates know theirs exactly; a step of the timeline counts only
 * if no template's instant lies in it, because it has only its start.
 */
function period({ timeline, templates }: Partial): { from: number | null; to: number | null } {
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

/** Fields with their quantiles; fields that vary stand before constant fields. */
function finalizeFields({ fields }: Partial): Field[] {
  const all = fields.map(({ name, count, min, max, sum, sketch }) => {
    const at = (q: number) => Math.min(max, Math.max(min, quantile(sketch, q)));
    const mean = Number((sum / count).toPrecision(MEAN_DIGITS));
    return { name, count, min, max, mean, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
  });
  return [
    ...all.filter(({ min, max }) => min < max),
    ...all.filter(({ min, max }) => min === max),
  ];
}

/** Top values; names without any are identifiers and are left out. */
function finalizeValues({ values }: Partial): TopValues[] {
  return values.filter(({ top }) => top.length > 0).map(({ name, count, top, more }) => ({
    name,
    count,
    distinct: top.length,
    more,
    top: top.slice(0, TOP_VALUES_MAX),
  }));
}

function isMostlyProse({ records, levels, timeline }: Partial): boolean {
  const timed = timeline?.points.reduce((sum, [, n]) => sum + n, 0) ?? 0;
  return (levels.none ?? 0) - timed >= records * PROSE_SHARE_MIN;
}
