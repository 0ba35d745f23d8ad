/**
 * How long to wait before a retry.
 *
 * @module
 */
import { SYSTEM } from "./system.ts";

/** The bounds of the waits between tries. */
export interface Backoff {
  /** Upper bound of the first wait, in milliseconds; it doubles with each try. */
  readonly baseMs: number;
  /** Upper bound of every wait, in milliseconds. */
  readonly maxMs: number;
}

/**
 * Returns a wait in milliseconds, by exponential backoff with full jitter: a random number between 0
 * and `baseMs * 2^(attempt - 1)`, at most `maxMs`. Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt number of tries so far, at least 1
 * @param random returns a number in [0, 1)
 */
export function backoffMs(
  attempt: number,
  { baseMs, maxMs }: Backoff,
  random: () => number = SYSTEM.random,
): number {
  return Math.round(random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 50)));
}

/** Resolves after `ms`. Rejects with the signal's reason as soon as the signal aborts. */
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
