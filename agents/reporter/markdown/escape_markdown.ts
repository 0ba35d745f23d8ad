/**
 * Text from outside in Markdown: it appears as it is, rendered or not, and is never markup.
 *
 * @module
 */
import { printable } from "../../../lib/printable.ts";

/** Characters of the name of a stream, a field or a source. */
export const NAME_CHARS_MAX = 60;
/** Characters of a template or an example. */
export const TEXT_CHARS_MAX = 160;

/** Puts text into a code span, in which neither HTML nor Markdown means anything. */
export function codeSpan(text: string, charsMax: number): string {
  const code = printable(text, charsMax) || " ";
  let fence = "`";
  for (const [run] of code.matchAll(/`+/g)) {
    if (run.length >= fence.length) fence = "`".repeat(run.length + 1);
  }
  // A backtick must not touch the fence. The renderer removes the spaces that keep them apart.
  const pad = /^`|`$|^ .* $/.test(code) ? " " : "";
  return fence + pad + code + pad + fence;
}

/**
 * Puts text into a code span in a table, in which a pipe ends the cell even inside code. Renderers
 * disagree about a pipe after a backslash, so that pipe is written as its escape.
 */
export function codeCell(text: string, charsMax: number): string {
  return codeSpan(text, charsMax).replace(/\\\|/g, "\\\\u007c").replace(/\|/g, "\\|");
}

/** Escapes what Markdown or HTML would take as markup in running text. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*[\]<>|&~#!]/g, "\\$&")
    // Renderers make links of URLs, `www.` and e-mail addresses by themselves.
    .replace(/:(?=\/\/)|(?<=www)\.|@/gi, "\\$&")
    // An underscore inside a word is not markup and reads better as it is.
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\_");
}
