/**
 * Text from outside, made safe to show: what would move a cursor, change the direction of what stands
 * around it or can't be seen is replaced by an escape such as `\u202e`.
 *
 * @module
 */

/**
 * Controls, direction marks and all else that only formats, line separators, lone surrogates, and
 * what is drawn as nothing, letters such as U+3164 too. The two joiners and the variation selectors
 * stay: scripts and emoji are written with them.
 */
const UNSEEN =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]--[\u200c\u200d\p{Variation_Selector}]]/gv;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Makes text safe to show on one line of a terminal or a page; what is longer than `max` UTF-16 units
 * ends in `…`. For eyes only: a backslash of the text itself stays as it is, so the way back is not
 * unique.
 */
export function printable(text: string, max = 400): string {
  let shown = "";
  let room = 0;
  for (const char of text) {
    const piece = char.replace(UNSEEN, escaped);
    if (shown.length + piece.length > max) return shown.slice(0, room) + "…";
    shown += piece;
    if (shown.length < max) room = shown.length;
  }
  return shown;
}

/** The same for text of many lines and any length: line feeds stay. */
export function printableLines(text: string): string {
  return text.replace(UNSEEN, (char) => char === "\n" ? char : escaped(char));
}

/** JSON in which nothing is obeyed by a terminal: it means the same, and all of it can be seen. */
export function printableJson(value: unknown, indent?: number): string {
  return printableLines(JSON.stringify(value, null, indent));
}

/** By UTF-16 units, as JSON has them. */
function escaped(char: string): string {
  return SHORT[char] ?? char.replace(
    /[^]/g,
    (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
