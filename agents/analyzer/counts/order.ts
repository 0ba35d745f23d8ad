/**
 * Orders that are the same everywhere, whatever the locale and the order of the input.
 *
 * @module
 */

/** Compares two texts by their UTF-16 units, for `sort`. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Returns items by falling count; equal counts by name. */
export function byCount<T extends { count: number }>(
  items: Iterable<T>,
  nameOf: (item: T) => string,
): T[] {
  return [...items].sort((a, b) => b.count - a.count || compareText(nameOf(a), nameOf(b)));
}

/** Returns counted words by falling count; equal counts by word. */
export function rankCounts(counts: ReadonlyMap<string, number>): [word: string, count: number][] {
  return [...counts].sort(([a, m], [b, n]) => n - m || compareText(a, b));
}
