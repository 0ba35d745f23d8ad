/**
 * What differs from a stream's earlier runs, with thresholds that small counts do not pass.
 *
 * @module
 */
import type { Analysis, Change, Partial, Template } from "../../shapes.ts";
import { ITEMS_MAX, LEVELS } from "../../shapes.ts";
import type { Findings } from "../counts/finalize.ts";
import { quantile } from "../counts/sketch.ts";
import { templateId } from "../templates/template_id.ts";
import type { Baseline, TemplateStats } from "./baseline.ts";
import { type Moments, zeroMoments } from "./moments.ts";

type News = Analysis["news"];
type Silent = News["silent"][number];

/** Standard deviations from the usual, from which on a difference is a change. */
const DEVIATIONS_MIN = 4;
/** A share must at least double or halve, and differ by at least this many records. */
const RATIO_MIN = 2;
const RECORDS_MIN = 10;
/**
 * A volume varies more than shares do: it needs more earlier runs, a larger ratio, more records.
 */
const VOLUME_RUNS_MIN = 3;
const VOLUME_RATIO_MIN = 3;
const VOLUME_RECORDS_MIN = 50;
/** Numbers that a field needs for its median to mean something. */
const NUMBERS_MIN = 20;
/** The least change of a median, relative to the usual one. */
const MEDIAN_CHANGE_MIN = 0.5;
/** A template is usual if at least this share of the runs had it. */
const PRESENCE_MIN = 0.7;
/** A usual template is silent if at least this many records were expected: by chance, below 1 %. */
const EXPECTED_MIN = 5;
/** A template that nearly every run had, such as a job's one line each night, needs fewer. */
const STEADY_RUNS_MIN = 3;
const STEADY_PRESENCE_MIN = 0.9;
const STEADY_EXPECTED_MIN = 0.5;

/** Compares a run with the baseline of the runs before it; an empty baseline makes no news. */
export function compareWithBaseline(
  baseline: Baseline,
  run: Findings,
  templates: readonly Template[],
  fields: Partial["fields"],
): News {
  return {
    appeared: templates.filter(({ status }) => status === "new").map(({ id }) => id),
    silent: silentTemplates(baseline, run).slice(0, ITEMS_MAX.silent),
    changed: [
      ...volumeChange(baseline, run),
      ...levelChanges(baseline, run),
      ...rateChanges(baseline, run, templates),
      ...medianChanges(baseline, fields),
    ].slice(0, ITEMS_MAX.changed),
  };
}

/** Usual templates that the run does not have, with the count expected of a run of its size. */
function silentTemplates(baseline: Baseline, run: Findings): Silent[] {
  // A template that was dropped to stay within the bounds is not silent.
  if (run.templates_dropped > 0) return [];
  const present = new Set(run.templates.map(({ text }) => text));
  return baseline.templates
    .filter(({ text }) => !present.has(text))
    .map((stats) => ({ stats, expected: stats.share.mean * run.records }))
    .filter(({ stats, expected }) => isMissed(stats, expected))
    .sort((a, b) => b.expected - a.expected)
    .map(({ stats: { text }, expected }) => ({
      id: templateId(text),
      text,
      usual: rounded(expected),
    }));
}

function isMissed({ seen, presence }: TemplateStats, expected: number): boolean {
  if (presence.mean >= PRESENCE_MIN && expected >= EXPECTED_MIN) return true;
  return seen >= STEADY_RUNS_MIN && presence.mean >= STEADY_PRESENCE_MIN &&
    expected >= STEADY_EXPECTED_MIN;
}

function volumeChange(
  { runs, records: usual }: Baseline,
  { stream, records }: Findings,
): Change[] {
  const difference = Math.abs(records - usual.mean);
  const changed = runs >= VOLUME_RUNS_MIN && difference >= VOLUME_RECORDS_MIN &&
    difference >= DEVIATIONS_MIN * Math.sqrt(usual.variance + usual.mean) &&
    ratio(records, usual.mean) >= VOLUME_RATIO_MIN;
  if (!changed) return [];
  return [{
    kind: "volume",
    subject: stream,
    text: stream,
    usual: rounded(usual.mean),
    now: records,
  }];
}

function levelChanges(baseline: Baseline, run: Findings): Change[] {
  const shares = new Map(baseline.levels);
  return LEVELS.flatMap((level): Change[] => {
    const usual = shares.get(level) ?? zeroMoments(0);
    const count = run.levels[level] ?? 0;
    if (!shareDiffers(usual, count, run.records, baseline.records.mean)) return [];
    const now = rounded(count / run.records);
    return [{ kind: "level", subject: level, text: level, usual: rounded(usual.mean), now }];
  });
}

function rateChanges(
  baseline: Baseline,
  run: Findings,
  templates: readonly Template[],
): Change[] {
  const shares = new Map(baseline.templates.map(({ text, share }) => [text, share]));
  return templates.flatMap(({ id, text, count }): Change[] => {
    const usual = shares.get(text);
    if (usual === undefined) return [];
    if (!shareDiffers(usual, count, run.records, baseline.records.mean)) return [];
    const now = rounded(count / run.records);
    return [{ kind: "rate", subject: id, text, usual: rounded(usual.mean), now }];
  });
}

/** Whether a count differs from what its share in earlier runs makes expect. */
function shareDiffers(
  usual: Moments,
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
  return difference >= RECORDS_MIN && difference >= DEVIATIONS_MIN * Math.sqrt(noise) &&
    ratio(count, expected) >= RATIO_MIN;
}

function medianChanges(baseline: Baseline, fields: Partial["fields"]): Change[] {
  const statsByName = new Map(baseline.fields.map((stats) => [stats.name, stats]));
  return fields.flatMap(({ name, count, sketch }): Change[] => {
    const stats = statsByName.get(name);
    if (stats === undefined || count < NUMBERS_MIN) return [];
    const now = quantile(sketch, 0.5);
    const { mean: usual, variance } = stats.median;
    const differenceMin = Math.max(
      DEVIATIONS_MIN * Math.sqrt(variance),
      MEDIAN_CHANGE_MIN * Math.abs(usual),
      stats.spread.mean,
    );
    if (now === usual || Math.abs(now - usual) < differenceMin) return [];
    return [{ kind: "value", subject: name, text: name, usual: rounded(usual), now: rounded(now) }];
  });
}

function ratio(a: number, b: number): number {
  return Math.max(a, b) / Math.max(Math.min(a, b), Number.MIN_VALUE);
}

/** Rounds to six digits, which are plenty for a reader. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
