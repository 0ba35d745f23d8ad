/**
 * Adds two counts. The sum is at most 2^53 - 1, the largest integer that a number holds exactly: no
 * schema accepts a larger one, so a stored sum could not be read again.
 */
export function addCounts(a: number, b: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, a + b);
}
