import { type Level, LEVELS } from "../../shapes.ts";
import { formatCount, formatShare } from "../content/format.ts";
import { drawing, percent } from "./drawing.ts";
import { html, type Markup } from "./markup.ts";

/** Draws a share as the filled part of a bar whose full length is the share `shareMax`. */
export function shareBar(share: number, shareMax: number, kind: string): Markup {
  return drawing(
    8,
    formatShare(share),
    html`
      <rect class="track" width="100%" height="8" rx="2" />
      <rect class="${kind}" width="${percent(
        shareMax > 0 ? share / shareMax : 0,
      )}" height="8" rx="2" />
    `,
  );
}

/** Draws all levels in one bar, the most severe first. */
export function levelsBar(levels: Partial<Record<Level, number>>): Markup {
  const present = LEVELS.filter((level) => levels[level]);
  const total = present.reduce((sum, level) => sum + levels[level]!, 0);
  let at = 0;
  const pieces = present.map((level) => {
    const fraction = levels[level]! / total;
    const piece = html`
      <rect class="l-${level}" x="${percent(at)}" width="${percent(fraction)}" height="18">
        <title>${level}: ${formatCount(levels[level]!)}</title>
      </rect>
    `;
    at += fraction;
    return piece;
  });
  const shares = present.map((level) => `${level} ${formatShare(levels[level]! / total)}`).join(
    ", ",
  );
  return drawing(18, `Levels: ${shares}`, pieces);
}
