/**
 * A timeline as a drawing needs it: without gaps, in few enough steps.
 *
 * @module
 */
import type { Timeline } from "../../shapes.ts";
import { INSTANT_MAX } from "./format.ts";

/** Counts in one step of time that begins at `at` (milliseconds since 1970). */
export interface Bin {
  readonly at: number;
  readonly records: number;
  readonly errors: number;
}

/** Bins in order of time, without gaps. */
export interface Bins {
  /** Length of a bin in ms, a multiple of the timeline's step. */
  readonly stepMs: number;
  readonly bins: readonly Bin[];
}

/**
 * Fills a timeline's gaps with zeros and joins neighbours until at most `binsMax` bins are left.
 */
export function binTimeline({ points, step_ms }: Timeline, binsMax: number): Bins {
  if (points.length === 0) return { stepMs: step_ms, bins: [] };
  let from = INSTANT_MAX;
  let to = -INSTANT_MAX;
  for (const [at] of points) {
    from = Math.max(-INSTANT_MAX, Math.min(from, at));
    to = Math.min(INSTANT_MAX, Math.max(to, at));
  }
  const steps = Math.floor((to - from) / step_ms) + 1;
  const stepMs = Math.ceil(steps / binsMax) * step_ms;
  const length = Math.min(binsMax, Math.ceil(steps * step_ms / stepMs));
  const bins = Array.from(
    { length },
    (_, index) => ({ at: from + index * stepMs, records: 0, errors: 0 }),
  );
  for (const [at, records, errors] of points) {
    const bin = bins[binIndex(at, from, stepMs, length)];
    bin.records += records;
    bin.errors += errors;
  }
  return { stepMs, bins };
}

/** Returns the index of the bin that holds an instant, or of the nearest if none does. */
export function binIndex(at: number, from: number, stepMs: number, length: number): number {
  return Math.max(0, Math.min(length - 1, Math.floor((at - from) / stepMs)));
}
