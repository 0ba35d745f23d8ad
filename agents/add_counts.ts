/**
 * Adds counts that others have counted. Beyond what a number holds exactly the sum stays at that: no
 * schema takes a larger one, so what remembers it could not be read again.
 */
export function addCounts(a: number, b: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, a + b);
}
