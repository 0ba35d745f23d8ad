/**
 * What is usual in a stream, as memory keeps it between runs.
 *
 * A template's share is learned in every run, zero where it did not occur; the same goes for levels.
 * A field is learned in the runs that have it. What was not seen for longest goes first when there
 * is too much.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../../../lib/json.ts";
import { Level, LEVELS, type Partial } from "../../shapes.ts";
import { type Findings, spread } from "../counts/finalize.ts";
import { learn, Moments, sum, zeros } from "./moments.ts";
import { quantile } from "../counts/sketch.ts";
import { byText } from "../templates/text.ts";

export const BASELINE_TEMPLATES_MAX = 2000;
export const BASELINE_FIELDS_MAX = 200;

const Count = z.int().nonnegative();

const LevelHabit = z.tuple([Level, Moments]);

const TemplateHabit = z.object({
  text: z.string(),
  /** Runs that had it, and the last of them. */
  seen: Count,
  last: Count,
  /** Of all records of a run. */
  share: Moments,
  /** Of all runs, the late ones weighing more. */
  presence: Moments,
});
export type TemplateHabit = z.infer<typeof TemplateHabit>;

const FieldHabit = z.object({
  name: z.string(),
  last: Count,
  median: Moments,
  /** How far the middle 80 % reach. */
  spread: Moments,
});
export type FieldHabit = z.infer<typeof FieldHabit>;

const Baseline = z.object({
  runs: Count,
  /** The count of merges at its last use, over all streams. */
  used: Count,
  records: Moments,
  levels: z.array(LevelHabit),
  templates: z.array(TemplateHabit),
  fields: z.array(FieldHabit),
});
export type Baseline = z.infer<typeof Baseline>;

const List = z.array(z.unknown());
const Outline = Baseline.extend({ levels: List, templates: List, fields: List });

export const NOTHING_LEARNED: Baseline = {
  runs: 0,
  used: 0,
  records: zeros(0),
  levels: [],
  templates: [],
  fields: [],
};

/** Takes a baseline from memory. What of it can't be read is left out, and so learned anew. */
export function readBaseline(kept: Json | undefined): Baseline {
  const { data } = Outline.safeParse(kept);
  if (data === undefined) return NOTHING_LEARNED;
  return {
    ...data,
    levels: readable(LevelHabit, data.levels),
    templates: readable(TemplateHabit, data.templates),
    fields: readable(FieldHabit, data.fields),
  };
}

/** Checks a baseline on its way to memory: what is no number there would never be one again. */
export function writeBaseline(baseline: Baseline): Json {
  return Baseline.parse(baseline);
}

function readable<T>(habit: z.ZodType<T>, kept: readonly unknown[]): T[] {
  return kept.map((value) => habit.safeParse(value).data).filter((value) => value !== undefined);
}

/** The baseline with its templates under their final texts; those that became one are summed up. */
export function rename(baseline: Baseline, renamed: ReadonlyMap<string, string>): Baseline {
  const templates = new Map<string, TemplateHabit>();
  for (const habit of baseline.templates) {
    const text = renamed.get(habit.text) ?? habit.text;
    const known = templates.get(text);
    templates.set(text, known === undefined ? { ...habit, text } : joinHabits(known, habit));
  }
  return { ...baseline, templates: [...templates.values()] };
}

/** The baseline after one more run. */
export function learnRun(
  baseline: Baseline,
  { records, levels, templates }: Findings,
  fields: Partial["fields"],
  used: number,
): Baseline {
  const run = baseline.runs + 1;
  const shareOf = (count: number) => records === 0 ? 0 : count / records;
  const shares = new Map(baseline.levels);
  return {
    runs: run,
    used,
    records: learn(baseline.records, records),
    levels: LEVELS
      .filter((level) => levels[level] !== undefined || shares.has(level))
      .map((level) => [
        level,
        learn(shares.get(level) ?? zeros(baseline.runs), shareOf(levels[level] ?? 0)),
      ]),
    templates: learnTemplates(
      baseline,
      new Map(templates.map(({ text, count }) => [text, shareOf(count)])),
      run,
    ),
    fields: learnFields(baseline.fields, fields, run),
  };
}

function learnTemplates(
  baseline: Baseline,
  shares: Map<string, number>,
  run: number,
): TemplateHabit[] {
  const known = new Map(baseline.templates.map((habit) => [habit.text, habit]));
  for (const text of shares.keys()) {
    if (known.has(text)) continue;
    const never = zeros(baseline.runs);
    known.set(text, { text, seen: 0, last: run, share: never, presence: never });
  }
  const learned = [...known.values()].map((habit) => {
    const share = shares.get(habit.text);
    return {
      text: habit.text,
      seen: habit.seen + (share === undefined ? 0 : 1),
      last: share === undefined ? habit.last : run,
      share: learn(habit.share, share ?? 0),
      presence: learn(habit.presence, share === undefined ? 0 : 1),
    };
  });
  return learned
    .sort((a, b) => b.last - a.last || b.share.mean - a.share.mean || byText(a.text, b.text))
    .slice(0, BASELINE_TEMPLATES_MAX);
}

function learnFields(
  habits: readonly FieldHabit[],
  fields: Partial["fields"],
  run: number,
): FieldHabit[] {
  const known = new Map(habits.map((habit) => [habit.name, habit]));
  for (const { name, sketch } of fields) {
    const habit = known.get(name);
    known.set(name, {
      name,
      last: run,
      median: learn(habit?.median ?? zeros(0), quantile(sketch, 0.5)),
      spread: learn(habit?.spread ?? zeros(0), spread(sketch)),
    });
  }
  return [...known.values()]
    .sort((a, b) => b.last - a.last || byText(a.name, b.name))
    .slice(0, BASELINE_FIELDS_MAX);
}

function joinHabits(a: TemplateHabit, b: TemplateHabit): TemplateHabit {
  return {
    text: a.text,
    seen: Math.max(a.seen, b.seen),
    last: Math.max(a.last, b.last),
    share: sum(a.share, b.share),
    presence: a.presence.mean >= b.presence.mean ? a.presence : b.presence,
  };
}
