import type { Analysis, Timeline } from "../../shapes.ts";
import { drawing, percent, swatch } from "./drawing.ts";
import { type Bin, binIndex, type Bins, binTimeline } from "../content/bins.ts";
import { html, type Markup } from "./markup.ts";
import { formatCount, formatDuration, formatInstant, pluralize } from "../content/format.ts";
import { type Tick, ticks } from "./ticks.ts";

/** Bars that a phone can still show apart. */
const BARS_MAX = 120;
/** Labels below the bars; a phone shows every other label. */
const TICKS_MAX = 8;

/**
 * Heights in pixels: the marks of bursts, the bars, the labels. `.plot .y` in the style fits them.
 */
const MARKS_HEIGHT = 12;
const BARS_HEIGHT = 150;
const LABELS_HEIGHT = 22;

/**
 * Draws records over time as bars, with the errors among them at the foot of each bar, and marks
 * bursts. The timeline must have points.
 */
export function timelineChart(timeline: Timeline, bursts: Analysis["bursts"]): Markup {
  const chart = binTimeline(timeline, BARS_MAX);
  const { bins, stepMs } = chart;
  const from = bins[0].at;
  const to = from + bins.length * stepMs;
  const highest = bins.reduce((max, { records }) => Math.max(max, records), 1);
  const burstBins = new Set(bursts.map(({ at }) => binIndex(at, from, stepMs, bins.length)));
  const label = `Records over time: ${pluralize(bins.length, "bar")} of ${
    formatDuration(stepMs)
  } from ${formatInstant(from)} UTC on, at most ${pluralize(highest, "record")} in one`;
  const half = highest > 1 && formatCount(Math.round(highest / 2));
  return html`
    <div
      class="plot"><div class="y"><span>${formatCount(
        highest,
      )}</span><span>${half}</span><span>0</span></div>
    ${drawing(MARKS_HEIGHT + BARS_HEIGHT + LABELS_HEIGHT, label, [
      [0, 0.5, 1].map(grid),
      bins.map((bin, i) => bar(bin, i, chart, highest, burstBins.has(i))),
      ticks(from, to, TICKS_MAX).map(tick),
    ])}</div>
    <p class="key small soft">${swatch("rec", "records")}${swatch(
      "err",
      "errors among them",
    )}${bursts.length > 0 && swatch("burst", "burst")}</p>
  `;
}

/** A horizontal line at a fraction of the height of the bars, from the top. */
function grid(fraction: number): Markup {
  const y = MARKS_HEIGHT + Math.round(BARS_HEIGHT * fraction) + 0.5;
  return html`
    <line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}" />
  `;
}

function bar(
  bin: Bin,
  index: number,
  { bins, stepMs }: Bins,
  highest: number,
  burst: boolean,
): Markup {
  const { at, records, errors } = bin;
  const slot = 1 / bins.length;
  const gap = bins.length > 1 ? slot * 0.12 : 0;
  const x = percent(index * slot + gap / 2);
  const width = percent(slot - gap);
  const column = (kind: string, value: number) => {
    const height = barHeight(value, highest);
    return html`
      <rect class="${kind}" x="${x}" width="${width}" y="${MARKS_HEIGHT + BARS_HEIGHT - height}"
        height="${height}" />
    `;
  };
  const title = `${formatInstant(at)} UTC, ${formatDuration(stepMs)}: ${
    pluralize(records, "record")
  }, ${pluralize(errors, "error")}${burst ? ", burst" : ""}`;
  const middle = percent((index + 0.5) * slot);
  const above = MARKS_HEIGHT + BARS_HEIGHT - barHeight(records, highest) - 6;
  return html`
    <g>
      <title>${title}</title>
      <rect class="hit" x="${percent(index * slot)}" width="${percent(
        slot,
      )}" y="${MARKS_HEIGHT}" height="${BARS_HEIGHT}" />
      ${records > 0 && column("rec", records)}
      ${errors > 0 && column("err", errors)}
      ${burst && html`
        <circle class="burst" cx="${middle}" cy="${above}" r="3.5" />
      `}
    </g>
  `;
}

/** The height of a bar in pixels: at least one, so that a small count is visible. */
function barHeight(value: number, highest: number): number {
  return Math.min(BARS_HEIGHT, Math.max(1, Math.round(value / highest * BARS_HEIGHT * 10) / 10));
}

function tick({ fraction, text }: Tick, index: number): Markup {
  const anchor = fraction < 0.04 ? "start" : fraction > 0.96 ? "end" : "middle";
  const y = MARKS_HEIGHT + BARS_HEIGHT;
  return html`
    <line class="grid" x1="${percent(fraction)}" x2="${percent(fraction)}" y1="${y}" y2="${y +
      5}" />
    <text class="axis${index % 2 === 1 && " odd"}" x="${percent(fraction)}" y="${y + 18}"
      text-anchor="${anchor}">${text}</text>
  `;
}
