import { TRAP } from "./browser.ts";

const UNSEEN = "\x1b[2J\x07\b\r\x7f\u009b31m\u0085\u202e\u2066\u2028\u200b\ufeff\u3164\u034f";
const MARKDOWN = "[x](javascript:alert(1)) ``` ` | a | b | **b** <http://a.example> &lt; \\";

/** HTML that renames the page and loads the trap wherever it is not escaped. */
export const MARKUP =
  `<script>document.title="run"</script>"><img src=${TRAP} onerror='document.title="run"'>`;

/** Text that does harm on a terminal, in HTML or in Markdown if it is not escaped. */
export const NASTY = `nasty <script> ${UNSEEN} ${MARKUP} ${MARKDOWN} end`;

/** As much of it as the name of a file, or of a stream, can have. */
export const NASTY_NAME = NASTY.replaceAll("/", "\u2215").replaceAll("\\", "").slice(0, 140);

/** What a terminal obeys, what reverses text, and what nobody sees. A line feed is fine. */
const OBEYED =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]--[\n\u200c\u200d\p{Variation_Selector}]]/v;

/** Fails if a terminal would obey any part of `text`. */
export function assertPlainText(text: string, what: string): void {
  const at = OBEYED.exec(text)?.index;
  if (at === undefined) return;
  throw new Error(`${what} has ${JSON.stringify(text.slice(Math.max(0, at - 80), at + 20))}`);
}
