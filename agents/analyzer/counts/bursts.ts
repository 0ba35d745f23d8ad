/**
 * Steps of a timeline that stand out.
 *
 * @module
 */
import { type Analysis, MOST, type Timeline } from "../../shapes.ts";

/** Steps from which on there is a usual. */
const STEPS_MIN = 6;
/** Median absolute deviations above the median, as estimates of a standard deviation. */
const DEVIATIONS = 6;
/** MAD of a normal distribution times this is its standard deviation. */
const MAD_TO_SIGMA = 1.4826;
/** Fewer records than this are never a burst, nor is less than this multiple of the median. */
const RECORDS_MIN = 20;
const RATIO_MIN = 3;

/** The highest bursts in order of time, by the median absolute deviation of the steps' records. */
export function findBursts(timeline: Timeline | null): Analysis["bursts"] {
  if (timeline === null || timeline.points.length < STEPS_MIN) return [];
  const records = timeline.points.map(([, n]) => n);
  const usual = median(records);
  const sigma = MAD_TO_SIGMA * median(records.map((n) => Math.abs(n - usual)));
  // Even steps have a deviation of zero: then at least the noise of counting is allowed for.
  const least = Math.max(
    usual + DEVIATIONS * Math.max(sigma, Math.sqrt(usual)),
    usual * RATIO_MIN,
    RECORDS_MIN,
  );
  return timeline.points
    .filter(([, n]) => n >= least)
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST.bursts)
    .sort(([a], [b]) => a - b)
    .map(([at, n]) => ({ at, records: n, usual }));
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
