const MARKS = "▁▂▃▄▅▆▇█";

/**
 * Draws each number as one mark on a scale from 0; the largest is a full block, all zeros are flat.
 */
export function sparkline(values: readonly number[]): string {
  const max = values.reduce((max, value) => Math.max(max, value), 0);
  return values.map((value) => MARKS[markIndex(value, max)]).join("");
}

function markIndex(value: number, max: number): number {
  if (max === 0) return 0;
  return Math.max(0, Math.min(MARKS.length - 1, Math.ceil(value / max * MARKS.length) - 1));
}
