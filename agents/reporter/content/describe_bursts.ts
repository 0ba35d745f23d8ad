import type { Analysis } from "../../shapes.ts";
import { formatDuration, formatInstant, formatNumber, formatPeriod, pluralize } from "./format.ts";

type Burst = Analysis["bursts"][number];

/** Says each burst in words; steps of the timeline that follow each other are one burst. */
export function describeBursts(bursts: readonly Burst[], stepMs: number): string[] {
  const joined: Burst[][] = [];
  for (const burst of bursts) {
    const last = joined.at(-1);
    if (last && burst.at - last[last.length - 1].at === stepMs) last.push(burst);
    else joined.push([burst]);
  }
  return joined.map((steps) => tellBurst(steps, stepMs));
}

function tellBurst(steps: Burst[], stepMs: number): string {
  const [{ at, records, usual }] = steps;
  const step = `${formatDuration(stepMs)}, usually ${formatNumber(usual)}`;
  if (steps.length === 1) {
    return `burst at ${formatInstant(at)} UTC: ${pluralize(records, "record")} in ${step}`;
  }
  const all = steps.reduce((sum, { records }) => sum + records, 0);
  const peak = steps.reduce((max, { records }) => Math.max(max, records), 0);
  const when = formatPeriod(at, at + steps.length * stepMs);
  return `burst from ${when}: ${pluralize(all, "record")}, up to ${
    pluralize(peak, "record")
  } in ${step}`;
}
