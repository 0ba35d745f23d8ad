import { LEVELS, type Partial } from "../../shapes.ts";
import type { Findings } from "../counts/finalize.ts";
import { compareText } from "../counts/order.ts";
import { quantile, spread } from "../counts/sketch.ts";
import type { Baseline, FieldStats, TemplateStats } from "./baseline.ts";
import { observe, zeroMoments } from "./moments.ts";

/** Templates that a baseline keeps; those unseen for longest are dropped first. */
export const BASELINE_TEMPLATES_MAX = 2000;
/** Fields that a baseline keeps; those unseen for longest are dropped first. */
export const BASELINE_FIELDS_MAX = 200;

/**
 * Returns the baseline after one more run. Every template and level observes its share, which is
 * zero if the run does not have it; a field observes only the runs that have it.
 */
export function learnRun(
  baseline: Baseline,
  { records, levels, templates }: Findings,
  fields: Partial["fields"],
): Baseline {
  const run = baseline.runs + 1;
  const shareOf = (count: number) => records === 0 ? 0 : count / records;
  const levelShares = new Map(baseline.levels);
  const templateShares = new Map(templates.map(({ text, count }) => [text, shareOf(count)]));
  return {
    runs: run,
    used: baseline.used,
    records: observe(baseline.records, records),
    levels: LEVELS
      .filter((level) => levels[level] !== undefined || levelShares.has(level))
      .map((level) => [
        level,
        observe(levelShares.get(level) ?? zeroMoments(baseline.runs), shareOf(levels[level] ?? 0)),
      ]),
    templates: learnTemplates(baseline, templateShares, run),
    fields: learnFields(baseline.fields, fields, run),
  };
}

function learnTemplates(
  baseline: Baseline,
  shares: ReadonlyMap<string, number>,
  run: number,
): TemplateStats[] {
  const statsByText = new Map(baseline.templates.map((stats) => [stats.text, stats]));
  for (const text of shares.keys()) {
    if (statsByText.has(text)) continue;
    const never = zeroMoments(baseline.runs);
    statsByText.set(text, { text, seen: 0, last: run, share: never, presence: never });
  }
  const learned = [...statsByText.values()].map((stats) => {
    const share = shares.get(stats.text);
    return {
      text: stats.text,
      seen: stats.seen + (share === undefined ? 0 : 1),
      last: share === undefined ? stats.last : run,
      share: observe(stats.share, share ?? 0),
      presence: observe(stats.presence, share === undefined ? 0 : 1),
    };
  });
  return learned
    .sort((a, b) => b.last - a.last || b.share.mean - a.share.mean || compareText(a.text, b.text))
    .slice(0, BASELINE_TEMPLATES_MAX);
}

function learnFields(
  known: readonly FieldStats[],
  fields: Partial["fields"],
  run: number,
): FieldStats[] {
  const statsByName = new Map(known.map((stats) => [stats.name, stats]));
  for (const { name, sketch } of fields) {
    const stats = statsByName.get(name);
    statsByName.set(name, {
      name,
      last: run,
      median: observe(stats?.median ?? zeroMoments(0), quantile(sketch, 0.5)),
      spread: observe(stats?.spread ?? zeroMoments(0), spread(sketch)),
    });
  }
  return [...statsByName.values()]
    .sort((a, b) => b.last - a.last || compareText(a.name, b.name))
    .slice(0, BASELINE_FIELDS_MAX);
}
