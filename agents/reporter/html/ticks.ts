import { formatInstant } from "../content/format.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Distances between labels, in ms: units that people count in. */
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365, 3650].map((n) => n * DAY),
];

/** A label on a time axis. */
export interface Tick {
  /** Its distance from the start of the axis, from 0 to below 1. */
  readonly fraction: number;
  readonly text: string;
}

/**
 * Chooses at most `ticksMax` labels at round times between two instants (milliseconds since 1970).
 * A label is a time such as `14:05`, with seconds if labels are less than a minute apart. It is a
 * date at midnight, and if labels are a day or more apart. An axis that holds no round time is
 * labelled at its start.
 */
export function ticks(from: number, to: number, ticksMax: number): Tick[] {
  const step = STEPS.find((step) => (to - from) / step < ticksMax);
  const first = step ? Math.ceil(from / step) * step : to;
  if (!step || first >= to) return [{ fraction: 0, text: formatInstant(from) }];
  const list: Tick[] = [];
  for (let at = first; at < to; at += step) {
    list.push({ fraction: (at - from) / (to - from), text: label(at, step) });
  }
  return list;
}

function label(at: number, step: number): string {
  const instant = formatInstant(at);
  const [date, time] = [instant.slice(0, -9), instant.slice(-8)];
  if (step >= 90 * DAY) return date;
  if (at % DAY === 0 || step >= DAY) return date.slice(-5);
  return step < MINUTE ? time : time.slice(0, -3);
}
