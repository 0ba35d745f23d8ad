/**
 * Waiting for a condition. The deadline here only keeps a failed test from hanging. It is far beyond
 * what the slowest machine needs, so that it says nothing about speed.
 *
 * @module
 */
export const PATIENCE_MS = 60_000;

/** Returns what `promise` resolves to. Rejects and names `what` if it has not settled after `ms`. */
export async function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited too long for ${what}`)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves once `holds()` is true. Rejects and names `what` if it is still false at the deadline. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`Waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
