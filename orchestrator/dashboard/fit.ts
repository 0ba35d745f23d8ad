/**
 * The width of text on a terminal.
 *
 * @module
 */
import { unicodeWidth } from "@std/cli/unicode-width";

// deno-lint-ignore no-control-regex -- the painter's colours, which take no columns
const SGR = /(\x1b\[\d+m)/;

/** Cuts a line so that it leaves the last of `columns` free. Colours do not count and stay whole. */
export function fit(line: string, columns: number): string {
  let fitted = "";
  let remaining = columns - 1;
  for (const part of line.split(SGR)) {
    if (SGR.test(part)) {
      fitted += part;
      continue;
    }
    for (const char of part) {
      remaining -= unicodeWidth(char);
      if (remaining >= 0) fitted += char;
    }
  }
  return fitted;
}

/** Appends spaces until the text is `columns` wide. */
export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - unicodeWidth(text)));
}
