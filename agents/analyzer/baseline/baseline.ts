/**
 * What is usual in a stream, as memory keeps it between runs.
 *
 * `learn_run.ts` adds a run to it, `compare_with_baseline.ts` reports what differs from it, and
 * `stored_baseline.ts` keeps the baselines of all streams within bounds.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../../../lib/json.ts";
import { Level } from "../../shapes.ts";
import { Moments, sumMoments, zeroMoments } from "./moments.ts";

const Count = z.int().nonnegative();

/** A level and its share of the records of a run. */
const LevelStats = z.tuple([Level, Moments]);

const TemplateStats = z.object({
  text: z.string(),
  /** Number of runs that had it. */
  seen: Count,
  /** The last run that had it. */
  last: Count,
  /** Its share of the records of a run; zero in a run that did not have it. */
  share: Moments,
  /** One for a run that had it, zero for a run that did not. */
  presence: Moments,
});
/** What is usual of a template. */
export type TemplateStats = z.infer<typeof TemplateStats>;

const FieldStats = z.object({
  name: z.string(),
  /** The last run that had it. */
  last: Count,
  /** Its median in a run. */
  median: Moments,
  /** How far the middle 80 % of its numbers reach in a run. */
  spread: Moments,
});
/** What is usual of a numeric field, in the runs that have it. */
export type FieldStats = z.infer<typeof FieldStats>;

const Baseline = z.object({
  runs: Count,
  /** The count of merges over all streams at its last use; the smallest is evicted first. */
  used: Count,
  /** Records in a run. */
  records: Moments,
  levels: z.array(LevelStats),
  templates: z.array(TemplateStats),
  fields: z.array(FieldStats),
});
/** What is usual in a stream. */
export type Baseline = z.infer<typeof Baseline>;

const List = z.array(z.unknown());
const Outline = Baseline.extend({ levels: List, templates: List, fields: List });

/** The baseline of a stream without runs. */
export const EMPTY_BASELINE: Baseline = {
  runs: 0,
  used: 0,
  records: zeroMoments(0),
  levels: [],
  templates: [],
  fields: [],
};

/**
 * Reads a baseline as memory holds it. Parts that cannot be read are left out and learned again;
 * without a readable outline the stream starts over.
 */
export function parseBaseline(stored: Json | undefined): Baseline {
  const { data } = Outline.safeParse(stored);
  if (data === undefined) return EMPTY_BASELINE;
  return {
    ...data,
    levels: readable(LevelStats, data.levels),
    templates: readable(TemplateStats, data.templates),
    fields: readable(FieldStats, data.fields),
  };
}

/**
 * Returns a baseline as memory holds it.
 *
 * @throws {z.ZodError} if it holds a number that is none: JSON would turn it into null for good
 */
export function formatBaseline(baseline: Baseline): Json {
  return Baseline.parse(baseline);
}

function readable<T>(stats: z.ZodType<T>, stored: readonly unknown[]): T[] {
  return stored.map((value) => stats.safeParse(value).data).filter((value) => value !== undefined);
}

/**
 * Renames the templates of a baseline. Templates that get the same text are joined.
 *
 * @param renamed old text to new text; a text that is absent keeps its name
 */
export function renameTemplates(
  baseline: Baseline,
  renamed: ReadonlyMap<string, string>,
): Baseline {
  const templates = new Map<string, TemplateStats>();
  for (const stats of baseline.templates) {
    const text = renamed.get(stats.text) ?? stats.text;
    const known = templates.get(text);
    templates.set(text, known === undefined ? { ...stats, text } : joinStats(known, stats));
  }
  return { ...baseline, templates: [...templates.values()] };
}

function joinStats(a: TemplateStats, b: TemplateStats): TemplateStats {
  return {
    text: a.text,
    seen: Math.max(a.seen, b.seen),
    last: Math.max(a.last, b.last),
    share: sumMoments(a.share, b.share),
    presence: a.presence.mean >= b.presence.mean ? a.presence : b.presence,
  };
}
