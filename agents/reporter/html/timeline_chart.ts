import type { Analysis, Timeline } from "../../shapes.ts";
import { drawing, percent, swatch } from "./bars.ts";
import { type Bin, binOf, type Bins, bins } from "../content/bins.ts";
import { html, type Markup } from "./markup.ts";
import { formatCount, formatDuration, formatInstant, pluralize } from "../content/format.ts";
import { ticks } from "./ticks.ts";

/** As many bars as a phone still shows apart. */
const BARS_MAX = 120;
/** Labels below the bars; a phone shows every other one. */
const TICKS_MAX = 8;

/** Pixels: room for the marks of bursts, the bars, and the labels. The style's `.y` has the same. */
const ABOVE = 12;
const PLOT = 150;
const BELOW = 22;

/** Draws records over time, the errors among them at the foot of each bar, and marks bursts. */
export function timelineChart(timeline: Timeline, bursts: Analysis["bursts"]): Markup {
  const drawn = bins(timeline, BARS_MAX);
  const { list, stepMs } = drawn;
  const top = list.reduce((max, { records }) => Math.max(max, records), 1);
  const burstBins = new Set(bursts.map(({ at }) => binOf(at, list[0].at, stepMs, list.length)));
  const to = list[0].at + list.length * stepMs;
  const label = `Records over time: ${pluralize(list.length, "bar")} of ${
    formatDuration(stepMs)
  } from ${formatInstant(list[0].at)} UTC on, at most ${pluralize(top, "record")} in one`;
  const half = top > 1 && formatCount(Math.round(top / 2));
  return html`
    <div
      class="plot"><div class="y"><span>${formatCount(
        top,
      )}</span><span>${half}</span><span>0</span></div>
    ${drawing(ABOVE + PLOT + BELOW, label, [
      [0, 0.5, 1].map(grid),
      list.map((bin, i) => bar(bin, i, drawn, top, burstBins.has(i))),
      ticks(list[0].at, to, TICKS_MAX).map(tick),
    ])}</div>
    <p class="key small soft">${swatch("rec", "records")}${swatch(
      "err",
      "errors among them",
    )}${bursts.length > 0 && swatch("burst", "burst")}</p>
  `;
}

function grid(part: number): Markup {
  const y = ABOVE + Math.round(PLOT * part) + 0.5;
  return html`
    <line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}" />
  `;
}

function bar(bin: Bin, index: number, { list, stepMs }: Bins, top: number, burst: boolean): Markup {
  const { at, records, errors } = bin;
  const slot = 1 / list.length;
  const gap = list.length > 1 ? slot * 0.12 : 0;
  const x = percent(index * slot + gap / 2);
  const width = percent(slot - gap);
  const column = (kind: string, value: number) => {
    const height = pixels(value, top);
    return html`
      <rect class="${kind}" x="${x}" width="${width}" y="${ABOVE + PLOT - height}"
        height="${height}" />
    `;
  };
  const told = `${formatInstant(at)} UTC, ${formatDuration(stepMs)}: ${
    pluralize(records, "record")
  }, ${pluralize(errors, "error")}${burst ? ", burst" : ""}`;
  const middle = percent((index + 0.5) * slot);
  const above = ABOVE + PLOT - pixels(records, top) - 6;
  return html`
    <g>
      <title>${told}</title>
      <rect class="hit" x="${percent(index * slot)}" width="${percent(
        slot,
      )}" y="${ABOVE}" height="${PLOT}" />
      ${records > 0 && column("rec", records)}
      ${errors > 0 && column("err", errors)}
      ${burst && html`
        <circle class="burst" cx="${middle}" cy="${above}" r="3.5" />
      `}
    </g>
  `;
}

/** Height of a bar; what is not zero can be seen. */
function pixels(value: number, top: number): number {
  return Math.min(PLOT, Math.max(1, Math.round(value / top * PLOT * 10) / 10));
}

function tick({ part, text }: { part: number; text: string }, index: number): Markup {
  const anchor = part < 0.04 ? "start" : part > 0.96 ? "end" : "middle";
  const y = ABOVE + PLOT;
  return html`
    <line class="grid" x1="${percent(part)}" x2="${percent(part)}" y1="${y}" y2="${y + 5}" />
    <text class="axis${index % 2 === 1 && " odd"}" x="${percent(part)}" y="${y + 18}"
      text-anchor="${anchor}">${text}</text>
  `;
}
