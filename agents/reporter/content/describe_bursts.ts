import type { Analysis } from "../../shapes.ts";
import { formatDuration, formatInstant, formatNumber, formatPeriod, pluralize } from "./format.ts";

type Burst = Analysis["bursts"][number];

/**
 * Describes each burst in words; bursts in consecutive steps of the timeline are described as one.
 *
 * @param stepMs step of the timeline
 */
export function describeBursts(bursts: readonly Burst[], stepMs: number): string[] {
  const joined: Burst[][] = [];
  for (const burst of bursts) {
    const last = joined.at(-1);
    if (last && burst.at - last.at(-1)!.at === stepMs) last.push(burst);
    else joined.push([burst]);
  }
  return joined.map((steps) => describeBurst(steps, stepMs));
}

function describeBurst(steps: Burst[], stepMs: number): string {
  const [{ at, records, usual }] = steps;
  const step = `${formatDuration(stepMs)}, usually ${formatNumber(usual)}`;
  if (steps.length === 1) {
    return `burst at ${formatInstant(at)} UTC: ${pluralize(records, "record")} in ${step}`;
  }
  const total = steps.reduce((sum, { records }) => sum + records, 0);
  const peak = steps.reduce((max, { records }) => Math.max(max, records), 0);
  const period = formatPeriod(at, at + steps.length * stepMs);
  return `burst from ${period}: ${pluralize(total, "record")}, up to ${
    pluralize(peak, "record")
  } in ${step}`;
}
