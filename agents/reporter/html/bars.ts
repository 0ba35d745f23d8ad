/**
 * The small drawings. Widths are per cent of what room there is and heights are pixels, so that
 * text in a drawing keeps its size on every screen.
 *
 * @module
 */
import { type Field, type Level, LEVELS } from "../../shapes.ts";
import { type Child, html, type Markup } from "./markup.ts";
import { formatCount, formatFieldNumber, formatShare } from "../content/format.ts";

/** A field whose range is this many times the part below its median is drawn on a logarithmic scale. */
const LOG_FROM = 50;

/** A drawing with its meaning in words, for those who can't see it and for the pointer. */
export function drawing(height: number, label: string, children: Child): Markup {
  return html`
    <svg role="img" width="100%" height="${height}"
      aria-label="${label}"><title>${label}</title>${children}</svg>
  `;
}

/** A position or a width, from a part of one. */
export function percent(part: number): string {
  return `${Number((Math.max(0, Math.min(1, part)) * 100).toFixed(3))}%`;
}

/** A part of one as the filled part of a bar, on a scale that ends at `top`. */
export function shareBar(part: number, top: number, kind: string): Markup {
  return drawing(
    8,
    formatShare(part),
    html`
      <rect class="track" width="100%" height="8" rx="2" />
      <rect class="${kind}" width="${percent(top > 0 ? part / top : 0)}" height="8" rx="2" />
    `,
  );
}

/** All levels in one bar, the worst first. */
export function levelsBar(levels: Partial<Record<Level, number>>): Markup {
  const present = LEVELS.filter((level) => levels[level]);
  const all = present.reduce((sum, level) => sum + levels[level]!, 0);
  let at = 0;
  const pieces = present.map((level) => {
    const part = levels[level]! / all;
    const piece = html`
      <rect class="l-${level}" x="${percent(at)}" width="${percent(part)}" height="18">
        <title>${level}: ${formatCount(levels[level]!)}</title>
      </rect>
    `;
    at += part;
    return piece;
  });
  const told = present.map((level) => `${level} ${formatShare(levels[level]! / all)}`).join(", ");
  return drawing(18, `Levels: ${told}`, pieces);
}

/** A colour of the key. */
export function swatch(kind: string, meaning: string): Markup {
  return html`<span><svg role="img" width="10" height="10" aria-label="${meaning}"><title>${meaning}</title><rect class="${kind}" width="10" height="10" rx="2"/></svg>${meaning}</span>`;
}

/** A field's spread: a line from min to max, a box from p50 to p90, marks at p50 and p99. */
export function strip(field: Field): Markup {
  const { min, max, p50, p90, p99 } = field;
  // Halved, because the distance between two doubles may be more than a double holds.
  const above = (value: number) => value / 2 - min / 2;
  const log = p50 > min && above(max) / above(p50) >= LOG_FROM;
  const scale = (value: number) => log ? Math.log1p(above(value) / above(p50)) : above(value);
  const at = (value: number) => max > min ? scale(value) / scale(max) : 0.5;
  const told = ["min", "p50", "p90", "p99", "max"] as const;
  const label = told.map((key) => `${key} ${formatFieldNumber(field, key)}`).join(", ");
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

function mark(kind: string, at: number, height: number): Markup {
  const x = percent(at);
  return html`
    <line class="${kind}" x1="${x}" x2="${x}" y1="${8 - height / 2}" y2="${8 + height / 2}" />
  `;
}
