/**
 * What differs from a stream's earlier runs, with thresholds that small counts do not pass.
 *
 * @module
 */
import type { Analysis, Partial, Template } from "../../shapes.ts";
import { LEVELS, MOST } from "../../shapes.ts";
import type { Baseline, TemplateHabit } from "./baseline.ts";
import type { Findings } from "../counts/finalize.ts";
import { quantile } from "../counts/sketch.ts";
import { templateId } from "../templates/template_id.ts";

type News = Analysis["news"];
type Change = News["changed"][number];
type Silent = News["silent"][number];

/** Standard deviations from the usual. */
const DEVIATIONS = 4;
/** A share or volume must at least double or halve, and by so many records. */
const RATIO_MIN = 2;
const RECORDS_MIN = 10;
/** A volume varies more than shares do: so many earlier runs, this ratio, so many records. */
const VOLUME_RUNS_MIN = 3;
const VOLUME_RATIO_MIN = 3;
const VOLUME_RECORDS_MIN = 50;
/** Numbers of a field from which on its median means something, and its least relative change. */
const VALUES_MIN = 20;
const VALUE_CHANGE_MIN = 0.5;
/** A template is usual when this share of the runs had it. */
const PRESENCE_MIN = 0.7;
/** So many records would be expected of one that went silent (by chance none: below 1 %) ... */
const EXPECTED_MIN = 5;
/** ... or fewer where so many runs nearly always had it: a job's one line each night. */
const STEADY_RUNS_MIN = 3;
const STEADY_PRESENCE_MIN = 0.9;
const STEADY_EXPECTED_MIN = 0.5;

/** Compares a closed run with the baseline of the runs before it; an empty one gives no news. */
export function compareWithBaseline(
  baseline: Baseline,
  run: Findings,
  templates: readonly Template[],
  fields: Partial["fields"],
): News {
  return {
    appeared: templates.filter(({ status }) => status === "new").map(({ id }) => id),
    silent: silentOf(baseline, run).slice(0, MOST.silent),
    changed: [
      ...volumeOf(baseline, run),
      ...levelsOf(baseline, run),
      ...ratesOf(baseline, run, templates),
      ...valuesOf(baseline, fields),
    ].slice(0, MOST.changed),
  };
}

/** `usual` is the count expected of a run of this size. */
function silentOf(baseline: Baseline, run: Findings): Silent[] {
  // A template that was dropped for want of room is not silent.
  if (run.templates_dropped > 0) return [];
  const present = new Set(run.templates.map(({ text }) => text));
  return baseline.templates
    .filter(({ text }) => !present.has(text))
    .map((habit) => ({ habit, expected: habit.share.mean * run.records }))
    .filter(({ habit, expected }) => isMissed(habit, expected))
    .sort((a, b) => b.expected - a.expected)
    .map(({ habit: { text }, expected }) => ({
      id: templateId(text),
      text,
      usual: rounded(expected),
    }));
}

function isMissed({ seen, presence }: TemplateHabit, expected: number): boolean {
  if (presence.mean >= PRESENCE_MIN && expected >= EXPECTED_MIN) return true;
  return seen >= STEADY_RUNS_MIN && presence.mean >= STEADY_PRESENCE_MIN &&
    expected >= STEADY_EXPECTED_MIN;
}

function volumeOf({ runs, records: usual }: Baseline, { stream, records }: Findings): Change[] {
  const difference = Math.abs(records - usual.mean);
  const stands = runs >= VOLUME_RUNS_MIN && difference >= VOLUME_RECORDS_MIN &&
    difference >= DEVIATIONS * Math.sqrt(usual.variance + usual.mean) &&
    ratio(records, usual.mean) >= VOLUME_RATIO_MIN;
  if (!stands) return [];
  const subject = stream;
  return [{ kind: "volume", subject, text: stream, usual: rounded(usual.mean), now: records }];
}

function levelsOf(baseline: Baseline, run: Findings): Change[] {
  const shares = new Map(baseline.levels);
  return LEVELS.flatMap((level): Change[] => {
    const usual = shares.get(level) ?? { n: 0, mean: 0, variance: 0 };
    const count = run.levels[level] ?? 0;
    if (!shareDiffers(usual, count, run.records, baseline.records.mean)) return [];
    const now = rounded(count / run.records);
    return [{ kind: "level", subject: level, text: level, usual: rounded(usual.mean), now }];
  });
}

function ratesOf(baseline: Baseline, run: Findings, templates: readonly Template[]): Change[] {
  const habits = new Map(baseline.templates.map((habit) => [habit.text, habit]));
  return templates.flatMap(({ id, text, count }): Change[] => {
    const habit = habits.get(text);
    if (habit === undefined) return [];
    if (!shareDiffers(habit.share, count, run.records, baseline.records.mean)) return [];
    const now = rounded(count / run.records);
    return [{ kind: "rate", subject: id, text, usual: rounded(habit.share.mean), now }];
  });
}

/** Whether a count is out of what its share in earlier runs lets expect. */
function shareDiffers(
  usual: { mean: number; variance: number },
  count: number,
  records: number,
  usualRecords: number,
): boolean {
  if (records === 0 || usualRecords === 0) return false;
  const expected = usual.mean * records;
  // The noise of counting in this run, of the share as it was learned, and between the runs.
  const noise = Math.max(expected, 1) * (1 + records / usualRecords) +
    usual.variance * records ** 2;
  const difference = Math.abs(count - expected);
  return difference >= RECORDS_MIN && difference >= DEVIATIONS * Math.sqrt(noise) &&
    ratio(count, expected) >= RATIO_MIN;
}

function valuesOf(baseline: Baseline, fields: Partial["fields"]): Change[] {
  const habits = new Map(baseline.fields.map((habit) => [habit.name, habit]));
  return fields.flatMap(({ name, count, sketch }): Change[] => {
    const habit = habits.get(name);
    if (habit === undefined || count < VALUES_MIN) return [];
    const now = quantile(sketch, 0.5);
    const { mean: usual, variance } = habit.median;
    const least = Math.max(
      DEVIATIONS * Math.sqrt(variance),
      VALUE_CHANGE_MIN * Math.abs(usual),
      habit.spread.mean,
    );
    if (now === usual || Math.abs(now - usual) < least) return [];
    return [{ kind: "value", subject: name, text: name, usual: rounded(usual), now: rounded(now) }];
  });
}

function ratio(a: number, b: number): number {
  return Math.max(a, b) / Math.max(Math.min(a, b), Number.MIN_VALUE);
}

/** Six digits are plenty for a reader. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
