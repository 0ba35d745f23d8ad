/**
 * What is usual in a stream, as memory keeps it between runs.
 *
 * A template's share is learned in every run, zero where it did not occur; the same goes for levels.
 * A field is learned in the runs that have it. What was not seen for longest goes first when there
 * is too much.
 *
 * @module
 */
import { LEVELS } from "../shapes.ts";
import { type Closed, spread } from "./close.ts";
import { learn, type Moments, sum, zeros } from "./moments.ts";
import { quantile } from "./sketch.ts";
import { byText } from "./text.ts";
import type { Partial } from "../shapes.ts";

export const BASELINE_TEMPLATES_MAX = 2000;
export const BASELINE_FIELDS_MAX = 200;

export interface TemplateHabit {
  readonly text: string;
  /** Runs that had it, and the last of them. */
  readonly seen: number;
  readonly last: number;
  /** Of all records of a run. */
  readonly share: Moments;
  /** Of all runs, the late ones weighing more. */
  readonly presence: Moments;
}

export interface FieldHabit {
  readonly name: string;
  readonly last: number;
  readonly median: Moments;
  /** How far the middle 80 % reach. */
  readonly spread: Moments;
}

/** A type alias, not an interface, because it is stored as JSON. */
export type Baseline = {
  readonly runs: number;
  /** The count of merges at its last use, over all streams. */
  readonly used: number;
  readonly records: Moments;
  readonly levels: readonly (readonly [level: string, share: Moments])[];
  readonly templates: readonly TemplateHabit[];
  readonly fields: readonly FieldHabit[];
};

export const NOTHING_LEARNED: Baseline = {
  runs: 0,
  used: 0,
  records: zeros(0),
  levels: [],
  templates: [],
  fields: [],
};

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
  { records, levels, templates }: Closed,
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
