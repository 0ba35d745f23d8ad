/**
 * What every drawing has. Widths are per cent of the available room and heights are pixels, so that
 * text in a drawing keeps its size on every screen.
 *
 * @module
 */
import { type Child, html, type Markup } from "./markup.ts";

/**
 * Makes an SVG drawing.
 *
 * @param height in pixels
 * @param label what it says in words, for screen readers and as a tooltip
 */
export function drawing(height: number, label: string, children: Child): Markup {
  return html`
    <svg role="img" width="100%" height="${height}"
      aria-label="${label}"><title>${label}</title>${children}</svg>
  `;
}

/** Writes a fraction from 0 to 1 as a position or a width. */
export function percent(fraction: number): string {
  return `${Number((Math.max(0, Math.min(1, fraction)) * 100).toFixed(3))}%`;
}

/** Makes an entry of a chart's key: a colour and what it means. */
export function swatch(kind: string, meaning: string): Markup {
  return html`<span><svg role="img" width="10" height="10" aria-label="${meaning}"><title>${meaning}</title><rect class="${kind}" width="10" height="10" rx="2"/></svg>${meaning}</span>`;
}
