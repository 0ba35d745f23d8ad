/** Returns a duration for people to read: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.floor(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const twoDigits = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${twoDigits(ms / 1_000 % 60)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${twoDigits(ms / 60_000 % 60)} min`;
}
