/**
 * Numbers and times as people read them: `1,234,567`, `12.3 KiB`, `3.4 %`, `2026-11-23 12:00:00`.
 *
 * @module
 */

import type { Field } from "../../shapes.ts";

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

const DURATION_UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** The farthest instant from 1970 that a `Date` can hold, in milliseconds. */
export const INSTANT_MAX = 8.64e15;

/** How far a quantile may be off, as a part of it. */
const SKETCH_ERROR = 0.01;

/** A whole number with its thousands set apart. */
export function formatCount(value: number): string {
  if (Math.abs(value) >= 1e15) return value.toExponential(2);
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A count and what it counts: `1 record`, `2 records`. */
export function pluralize(value: number, noun: string): string {
  return `${formatCount(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A measured number, to four digits where it has a fraction. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  if (Number.isInteger(value) || size >= 1000) return formatCount(value);
  return String(Number(value.toPrecision(4)));
}

/**
 * A number of a field. Quantiles come from a sketch and may be 1 % off; where the field's ends are
 * whole and a whole number is that near, it is as right and reads better.
 */
export function formatFieldNumber(
  field: Field,
  key: "min" | "p50" | "p90" | "p99" | "max",
): string {
  const { [key]: value, min, max } = field;
  const whole = Math.round(value);
  const near = Math.abs(value - whole) <= Math.abs(whole) * SKETCH_ERROR;
  return formatNumber(near && Number.isInteger(min) && Number.isInteger(max) ? whole : value);
}

/** A size in bytes. */
export function formatBytes(value: number): string {
  let unit = 0;
  let size = value;
  // 1023.95 would be printed as 1024.0.
  while (size >= (unit === 0 ? 1024 : 1023.95) && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? formatCount(size) : size.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** A part of one as per cent; what is not nothing or not all never looks as if it were. */
export function formatShare(part: number): string {
  const percent = part * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  if (percent > 99.9 && percent < 100) return ">99.9 %";
  return percent < 1000 ? `${percent.toFixed(1)} %` : `${formatCount(percent)} %`;
}

/** `part` of `whole` as a number from 0, and 0 where there is no whole. */
export function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

/** An instant (milliseconds since 1970) in UTC, to the second. */
export function formatInstant(ms: number): string {
  if (Math.abs(ms) > INSTANT_MAX) return "out of range";
  return new Date(ms).toISOString().replace("T", " ").slice(0, -5);
}

/** From when to when, the day said once where it is the same. */
export function formatPeriod(from: number | null, to: number | null): string {
  if (from === null || to === null) return "no timestamps";
  const [start, end] = [formatInstant(from), formatInstant(to)];
  if (start === end) return `${start} UTC`;
  const sameDay = start.slice(0, -9) === end.slice(0, -9);
  return `${start} to ${sameDay ? end.slice(-8) : end} UTC`;
}

/** A length of time in its largest unit, with the next one where that is not zero: `1 h 30 min`. */
export function formatDuration(ms: number): string {
  if (ms > 2 * INSTANT_MAX) return "out of range";
  const at = DURATION_UNITS.findIndex(([, size]) => ms >= size);
  if (at === -1) return `${formatNumber(ms)} ms`;
  const [unit, size] = DURATION_UNITS[at];
  const whole = `${formatCount(Math.floor(ms / size))} ${unit}`;
  const next = DURATION_UNITS[at + 1];
  if (!next) return `${formatNumber(ms / size)} ${unit}`;
  const rest = Math.floor((ms % size) / next[1]);
  return rest === 0 ? whole : `${whole} ${rest} ${next[0]}`;
}
