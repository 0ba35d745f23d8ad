/**
 * Mean and variance that follow what they observe and let old values fade: exponentially weighted,
 * as in Finch, "Incremental calculation of weighted mean and variance" (2009), section 9.
 *
 * @module
 */
import { z } from "zod";

/** Mean and variance of the values observed, the latest of which weigh most. */
export const Moments = z.object({
  /** Number of values observed. */
  n: z.int().nonnegative(),
  mean: z.number(),
  variance: z.number(),
});
export type Moments = Readonly<z.infer<typeof Moments>>;

/** Weight of the latest value from the tenth on; until then all values weigh the same. */
const LATEST_WEIGHT = 0.1;

/** The moments after `n` observations of zero. */
export function zeroMoments(n: number): Moments {
  return { n, mean: 0, variance: 0 };
}

/** The moments after one more observation. */
export function observe({ n, mean, variance }: Moments, value: number): Moments {
  const weight = Math.max(1 / (n + 1), LATEST_WEIGHT);
  const difference = value - mean;
  const step = weight * difference;
  return {
    n: n + 1,
    mean: mean + step,
    variance: (1 - weight) * (variance + difference * step),
  };
}

/** The moments of the sum of two quantities that are taken to be independent. */
export function sumMoments(a: Moments, b: Moments): Moments {
  return { n: Math.max(a.n, b.n), mean: a.mean + b.mean, variance: a.variance + b.variance };
}
