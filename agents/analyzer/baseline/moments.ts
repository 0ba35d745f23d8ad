/**
 * A mean and a variance that follow what they see and let old habits fade: exponentially weighted, as
 * in Finch, "Incremental calculation of weighted mean and variance" (2009), section 9.
 *
 * @module
 */
import { z } from "zod";

export const Moments = z.object({
  /** Values seen. */
  n: z.int().nonnegative(),
  mean: z.number(),
  variance: z.number(),
});
export type Moments = Readonly<z.infer<typeof Moments>>;

/** Weight of the newest value once ten are seen; before, all weigh the same. */
const NEWEST_WEIGHT = 0.1;

/** As if `n` zeros had been seen. */
export function zeros(n: number): Moments {
  return { n, mean: 0, variance: 0 };
}

export function learn({ n, mean, variance }: Moments, value: number): Moments {
  const weight = Math.max(1 / (n + 1), NEWEST_WEIGHT);
  const difference = value - mean;
  const step = weight * difference;
  return {
    n: n + 1,
    mean: mean + step,
    variance: (1 - weight) * (variance + difference * step),
  };
}

/** Of the sum of two independent things. */
export function sum(a: Moments, b: Moments): Moments {
  return { n: Math.max(a.n, b.n), mean: a.mean + b.mean, variance: a.variance + b.variance };
}
