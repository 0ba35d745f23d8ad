/**
 * DDSketch: quantiles within 1 % of the exact value, from counts that add up in any order. Masson,
 * Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
 * VLDB 2019, https://arxiv.org/abs/1908.10693.
 *
 * @module
 */
import { addCounts } from "../../add_counts.ts";
import type { Sketch } from "../../shapes.ts";
import { BUCKETS_MAX } from "../bounds.ts";

const ACCURACY = 0.01;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);

/** Magnitudes below this count as zero. */
const MAGNITUDE_MIN = 1e-12;

/** A sketch that grows. */
export class SketchBuilder {
  readonly #positive = new Map<number, number>();
  readonly #negative = new Map<number, number>();
  #zeros = 0;

  /** Adds a finite number. */
  add(value: number): void {
    const magnitude = Math.abs(value);
    if (magnitude < MAGNITUDE_MIN) this.#zeros++;
    else count(value > 0 ? this.#positive : this.#negative, bucketOf(magnitude), 1);
  }

  /** Adds what another sketch holds. */
  merge(sketch: Sketch): void {
    for (const [index, n] of sketch.positive) count(this.#positive, index, n);
    for (const [index, n] of sketch.negative) count(this.#negative, index, n);
    this.#zeros = addCounts(this.#zeros, sketch.zeros);
  }

  /** Returns the sketch, with at most `BUCKETS_MAX` buckets of each sign. */
  build(): Sketch {
    return {
      positive: bounded(this.#positive),
      negative: bounded(this.#negative),
      zeros: this.#zeros,
    };
  }
}

/** Returns the value below which the share `q` of all numbers lies, within 1 %. */
export function quantile({ positive, negative, zeros }: Sketch, q: number): number {
  const ascending: [value: number, count: number][] = [
    ...negative.toReversed().map(([index, n]): [number, number] => [-valueOf(index), n]),
    [0, zeros],
    ...positive.map(([index, n]): [number, number] => [valueOf(index), n]),
  ];
  const total = ascending.reduce((sum, [, n]) => sum + n, 0);
  const rank = q * (total - 1);
  let below = 0;
  for (const [value, n] of ascending) {
    below += n;
    if (below > rank) return value;
  }
  return NaN;
}

/**
 * Returns how far the middle 80 % of the numbers reach: from their 10th to their 90th percentile.
 */
export function spread(sketch: Sketch): number {
  return quantile(sketch, 0.9) - quantile(sketch, 0.1);
}

function bucketOf(magnitude: number): number {
  return Math.ceil(Math.log(magnitude) / LOG_GAMMA);
}

/** The value with the same relative distance to both ends of its bucket. */
function valueOf(index: number): number {
  return 2 * Math.pow(GAMMA, index) / (GAMMA + 1);
}

function count(buckets: Map<number, number>, index: number, n: number): void {
  buckets.set(index, addCounts(buckets.get(index) ?? 0, n));
}

/** Buckets in order; if there are too many, the smallest magnitudes share one. */
function bounded(buckets: Map<number, number>): [number, number][] {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const over = sorted.length - BUCKETS_MAX;
  if (over <= 0) return sorted;
  const largest = sorted.slice(over);
  largest[0][1] = sorted.slice(0, over).reduce((sum, [, n]) => addCounts(sum, n), largest[0][1]);
  return largest;
}
