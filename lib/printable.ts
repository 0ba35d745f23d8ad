/**
 * Makes text from outside safe to show. A character that would move a cursor, change the direction of
 * the text around it, or can't be seen is replaced by an escape such as `\u202e`.
 *
 * @module
 */

/**
 * Controls, direction marks and other format characters, line separators, lone surrogates, and
 * characters that are drawn as nothing, including letters such as U+3164. The two joiners and the
 * variation selectors stay, since scripts and emoji need them.
 */
const UNSEEN =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]--[\u200c\u200d\p{Variation_Selector}]]/gv;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Makes text safe to show on one line of a terminal or a page. A result longer than `max` UTF-16 units
 * is cut and ends in `…`. For people only: a backslash in the text stays as it is, so the original
 * can't be restored.
 */
export function printable(text: string, max = 400): string {
  let result = "";
  let cutAt = 0;
  for (const char of text) {
    const piece = char.replace(UNSEEN, escape);
    if (result.length + piece.length > max) return result.slice(0, cutAt) + "…";
    result += piece;
    if (result.length < max) cutAt = result.length;
  }
  return result;
}

/** Makes text of many lines and any length safe to show: line feeds stay. */
export function printableLines(text: string): string {
  return text.replace(UNSEEN, (char) => char === "\n" ? char : escape(char));
}

/** Returns a value's JSON with unseen characters escaped, so that it means the same and is safe to show. */
export function printableJson(value: unknown, indent?: number): string {
  return printableLines(JSON.stringify(value, null, indent));
}

/** Escapes each UTF-16 unit, as JSON does. */
function escape(char: string): string {
  return SHORT[char] ?? char.replace(
    /[^]/g,
    (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
