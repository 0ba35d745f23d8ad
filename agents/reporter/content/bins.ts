import type { Timeline } from "../../shapes.ts";
import { INSTANT_MAX } from "./format.ts";

/** Counts in one stretch of time that begins at `at` (milliseconds since 1970). */
export interface Bin {
  readonly at: number;
  readonly records: number;
  readonly errors: number;
}

/** A timeline without gaps, in at most as many bins as there is room for. */
export interface Bins {
  /** Length of a bin, a multiple of the timeline's step. */
  readonly stepMs: number;
  readonly list: readonly Bin[];
}

/** Fills a timeline's gaps with zeros and joins neighbours until at most `max` bins are left. */
export function bins(timeline: Timeline, max: number): Bins {
  const { points, step_ms } = timeline;
  if (points.length === 0) return { stepMs: step_ms, list: [] };
  let from = INSTANT_MAX;
  let to = -INSTANT_MAX;
  for (const [at] of points) {
    from = Math.max(-INSTANT_MAX, Math.min(from, at));
    to = Math.min(INSTANT_MAX, Math.max(to, at));
  }
  const steps = Math.floor((to - from) / step_ms) + 1;
  const stepMs = Math.ceil(steps / max) * step_ms;
  const length = Math.min(max, Math.ceil(steps * step_ms / stepMs));
  const records = new Array<number>(length).fill(0);
  const errors = new Array<number>(length).fill(0);
  for (const [at, count, bad] of points) {
    const index = binOf(at, from, stepMs, length);
    records[index] += count;
    errors[index] += bad;
  }
  const list = records.map((count, i) => ({
    at: from + i * stepMs,
    records: count,
    errors: errors[i],
  }));
  return { stepMs, list };
}

/** The bin that an instant falls into; one outside of the timeline falls into the nearest. */
export function binOf(at: number, from: number, stepMs: number, length: number): number {
  return Math.max(0, Math.min(length - 1, Math.floor((at - from) / stepMs)));
}
