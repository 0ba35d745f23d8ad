const MARKS = "▁▂▃▄▅▆▇█";

/** Draws numbers from 0 up as one mark each, the largest as a full block; nothing but zeros is flat. */
export function sparkline(values: readonly number[]): string {
  const top = values.reduce((max, value) => Math.max(max, value), 0);
  return values.map((value) => MARKS[height(value, top)]).join("");
}

function height(value: number, top: number): number {
  if (top === 0) return 0;
  return Math.max(0, Math.min(MARKS.length - 1, Math.ceil(value / top * MARKS.length) - 1));
}
