/**
 * Records per step of time. The step is the smallest of `STEPS_MS` that leaves at most `POINTS_MAX`
 * points. Each step is a multiple of the step before and all are aligned to 1970, so that timelines
 * of different steps add up exactly.
 *
 * @module
 */
import { addCounts } from "../../add_counts.ts";
import type { Timeline } from "../../shapes.ts";
import { POINTS_MAX } from "../bounds.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Steps in ms; the last leaves few enough points for all instants that a `Date` can hold. */
export const STEPS_MS: readonly number[] = [
  SECOND,
  10 * SECOND,
  MINUTE,
  10 * MINUTE,
  HOUR,
  6 * HOUR,
  DAY,
  7 * DAY,
  28 * DAY,
  364 * DAY,
  3640 * DAY,
  36_400 * DAY,
  364_000 * DAY,
  3_640_000 * DAY,
];

/** A timeline that grows, and whose step grows with it. */
export class TimelineBuilder {
  /** Index in `STEPS_MS`. */
  #step = 0;
  #points = new Map<number, [records: number, errors: number]>();

  /** Adds records at an instant (milliseconds since 1970), of which `errors` are errors. */
  add(at: number, records: number, errors: number): void {
    const start = floor(at, STEPS_MS[this.#step]);
    const point = this.#points.get(start);
    if (point !== undefined) {
      point[0] = addCounts(point[0], records);
      point[1] = addCounts(point[1], errors);
      return;
    }
    this.#points.set(start, [records, errors]);
    while (this.#points.size > POINTS_MAX) this.#coarsen(this.#step + 1);
  }

  /** Adds what another timeline holds. */
  merge({ step_ms, points }: Timeline): void {
    // A step that is not in `STEPS_MS` cannot be added exactly: the next larger one is taken.
    const step = STEPS_MS.findIndex((ms) => ms >= step_ms);
    if (step > this.#step) this.#coarsen(step);
    for (const [start, records, errors] of points) this.add(start, records, errors);
  }

  /** Returns the timeline; null if nothing was added. */
  build(): Timeline | null {
    if (this.#points.size === 0) return null;
    return {
      step_ms: STEPS_MS[this.#step],
      points: [...this.#points]
        .map(([start, [records, errors]]): [number, number, number] => [start, records, errors])
        .sort(([a], [b]) => a - b),
    };
  }

  #coarsen(step: number): void {
    const finer = this.#points;
    this.#points = new Map();
    this.#step = step;
    for (const [start, [records, errors]] of finer) this.add(start, records, errors);
  }
}

function floor(at: number, step: number): number {
  return Math.floor(at / step) * step;
}
