/** Numbers from 0 to 1 that are the same in every run: mulberry32, by Tommy Ettinger. */
export function dice(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

export function shuffled<T>(items: readonly T[], roll: () => number): T[] {
  return items.map((item) => ({ item, key: roll() })).sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
