/**
 * How long to wait before the next try.
 *
 * @module
 */

import { SYSTEM } from "./system.ts";

export interface Backoff {
  /** Upper bound of the first wait, in milliseconds; each further try doubles it. */
  readonly baseMs: number;
  /** No wait is longer than this. */
  readonly maxMs: number;
}

/**
 * Exponential backoff with full jitter: anything between 0 and `base * 2^(attempt - 1)`, capped.
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt tries so far, from 1
 * @param random gives a number in [0, 1)
 */
export function backoffMs(
  attempt: number,
  { baseMs, maxMs }: Backoff,
  random: () => number = SYSTEM.random,
): number {
  return Math.round(random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 50)));
}

/** Waits, or throws the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal, clock = SYSTEM.clock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    signal?.addEventListener("abort", stop, { once: true });
  });
}
