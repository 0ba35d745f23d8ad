import { type Analysis, ITEMS_MAX, type Timeline } from "../../shapes.ts";

/** Steps that a timeline needs for a median to mean something. */
const STEPS_MIN = 6;
/** A burst is at least this many standard deviations above the median. */
const DEVIATIONS_MIN = 6;
/** The median absolute deviation of a normal distribution times this is its standard deviation. */
const MAD_TO_SIGMA = 1.4826;
/** A burst has at least this many records, and at least this multiple of the median. */
const RECORDS_MIN = 20;
const RATIO_MIN = 3;

/**
 * Finds the steps of a timeline that stand out, by the median absolute deviation of all steps.
 * Returns the highest, in order of time; `usual` is the median.
 */
export function findBursts(timeline: Timeline | null): Analysis["bursts"] {
  if (timeline === null || timeline.points.length < STEPS_MIN) return [];
  const records = timeline.points.map(([, n]) => n);
  const usual = median(records);
  const sigma = MAD_TO_SIGMA * median(records.map((n) => Math.abs(n - usual)));
  const recordsMin = Math.max(
    // The deviation of even steps is zero; the noise of counting, sqrt(usual), always remains.
    usual + DEVIATIONS_MIN * Math.max(sigma, Math.sqrt(usual)),
    usual * RATIO_MIN,
    RECORDS_MIN,
  );
  return timeline.points
    .filter(([, n]) => n >= recordsMin)
    .sort(([, a], [, b]) => b - a)
    .slice(0, ITEMS_MAX.bursts)
    .sort(([a], [b]) => a - b)
    .map(([at, n]) => ({ at, records: n, usual }));
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
