/** Controls, direction marks, line separators and lone surrogates: what changes how text around it looks. */
const UNSEEN = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/u;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Makes text from outside safe to show on one line of a terminal or a page: what can't be seen is
 * replaced by an escape such as `\u202e`, and what is longer than `max` UTF-16 units ends in `…`.
 * For eyes only: a backslash of the text itself stays as it is, so the way back is not unique.
 */
export function printable(text: string, max = 400): string {
  let shown = "";
  let room = 0;
  for (const char of text) {
    const piece = UNSEEN.test(char) ? escaped(char) : char;
    if (shown.length + piece.length > max) return shown.slice(0, room) + "…";
    shown += piece;
    if (shown.length < max) room = shown.length;
  }
  return shown;
}

function escaped(char: string): string {
  return SHORT[char] ?? "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0");
}
