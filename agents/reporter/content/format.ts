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

/** The largest distance of a `Date` from 1970, in milliseconds. */
export const INSTANT_MAX = 8.64e15;

/** Relative error of a quantile from a sketch. */
const QUANTILE_ERROR = 0.01;

/** Writes a whole number with commas between thousands: `1,234,567`. */
export function formatCount(value: number): string {
  if (Math.abs(value) >= 1e15) return value.toExponential(2);
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Writes a count with the noun that it counts: `1 record`, `2 records`. */
export function pluralize(value: number, noun: string): string {
  return `${formatCount(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Writes a measured number, with four significant digits if it has a fraction. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  if (Number.isInteger(value) || size >= 1000) return formatCount(value);
  return String(Number(value.toPrecision(4)));
}

/**
 * Writes a number of a field. A quantile may be off by 1 %. If the field's min and max are whole, a
 * whole number within that error is as right and reads better.
 */
export function formatFieldNumber(
  field: Field,
  key: "min" | "p50" | "p90" | "p99" | "max",
): string {
  const { [key]: value, min, max } = field;
  const whole = Math.round(value);
  const near = Math.abs(value - whole) <= Math.abs(whole) * QUANTILE_ERROR;
  return formatNumber(near && Number.isInteger(min) && Number.isInteger(max) ? whole : value);
}

/** Writes a size in bytes with a binary unit: `12.3 KiB`. */
export function formatBytes(value: number): string {
  let unit = 0;
  let size = value;
  // 1023.95 would be written as 1024.0.
  while (size >= (unit === 0 ? 1024 : 1023.95) && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? formatCount(size) : size.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** Writes a share as per cent: `3.4 %`. Only 0 is written as 0 %, and only 1 as 100 %. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  if (percent > 99.9 && percent < 100) return ">99.9 %";
  return percent < 1000 ? `${percent.toFixed(1)} %` : `${formatCount(percent)} %`;
}

/** Returns `part / whole`, and 0 if `whole` is 0. */
export function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

/** Writes an instant (milliseconds since 1970) in UTC, to the second: `2026-11-23 12:00:00`. */
export function formatInstant(ms: number): string {
  if (Math.abs(ms) > INSTANT_MAX) return "out of range";
  return new Date(ms).toISOString().replace("T", " ").slice(0, -5);
}

/** Writes a period in UTC; if both ends are on the same day, the day is written once. */
export function formatPeriod(from: number | null, to: number | null): string {
  if (from === null || to === null) return "no timestamps";
  const [start, end] = [formatInstant(from), formatInstant(to)];
  if (start === end) return `${start} UTC`;
  const sameDay = start.slice(0, -9) === end.slice(0, -9);
  return `${start} to ${sameDay ? end.slice(-8) : end} UTC`;
}

/** Writes a length of time in its two largest units, the second only if not zero: `1 h 30 min`. */
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
