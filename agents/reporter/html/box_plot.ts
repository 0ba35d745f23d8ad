import type { Field } from "../../shapes.ts";
import { formatFieldNumber } from "../content/format.ts";
import { drawing, percent } from "./drawing.ts";
import { html, type Markup } from "./markup.ts";

/**
 * A range that is this many times as long as its part below the median is drawn logarithmically.
 */
const LOG_RATIO_MIN = 50;

/** Draws a field's spread: a line from min to max, a box from p50 to p90, marks at p50 and p99. */
export function boxPlot(field: Field): Markup {
  const { min, max, p50, p90, p99 } = field;
  // Halves, because the distance between two doubles can be larger than the largest double.
  const above = (value: number) => value / 2 - min / 2;
  const log = p50 > min && above(max) / above(p50) >= LOG_RATIO_MIN;
  const scale = (value: number) => log ? Math.log1p(above(value) / above(p50)) : above(value);
  const at = (value: number) => max > min ? scale(value) / scale(max) : 0.5;
  const numbers = ["min", "p50", "p90", "p99", "max"] as const;
  const label = numbers.map((key) => `${key} ${formatFieldNumber(field, key)}`).join(", ");
  return drawing(16, label + (log ? ", logarithmic scale" : ""), [
    html`
      <line class="thin" x1="${percent(at(min))}" x2="${percent(at(max))}" y1="8" y2="8" />
    `,
    html`
      <rect class="rec" x="${percent(at(p50))}" width="${percent(
        at(p90) - at(p50),
      )}" y="3" height="10" rx="1" />
    `,
    mark("thin", at(min), 6),
    mark("thin", at(max), 6),
    mark("thin", at(p99), 8),
    mark("ink", at(p50), 14),
  ]);
}

/** A vertical line at a fraction of the width. */
function mark(kind: string, at: number, height: number): Markup {
  const x = percent(at);
  return html`
    <line class="${kind}" x1="${x}" x2="${x}" y1="${8 - height / 2}" y2="${8 + height / 2}" />
  `;
}
