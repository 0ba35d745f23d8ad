const encoder = new TextEncoder();

/**
 * Takes items from the front: at most `countMax`, and at most `bytesMax` bytes of UTF-8 as JSON.
 * Items after the first that does not fit are never asked for.
 */
export function takeWithin<T>(items: Iterable<T>, countMax: number, bytesMax: number): T[] {
  const taken: T[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += encoder.encode(JSON.stringify(item)).length + 1; // 1 for the comma
    if (taken.length === countMax || bytes > bytesMax) break;
    taken.push(item);
  }
  return taken;
}
