/**
 * Text from outside in Markdown: it shows as it is, rendered or not, and is never markup.
 *
 * @module
 */
import { unicodeWidth } from "@std/cli/unicode-width";
import { printable } from "../../../lib/printable.ts";

/** Puts text into a code span, where neither HTML nor Markdown means anything. */
export function codeSpan(text: string, max: number): string {
  const shown = printable(text, max) || " ";
  let fence = "`";
  for (const [run] of shown.matchAll(/`+/g)) {
    if (run.length >= fence.length) fence = "`".repeat(run.length + 1);
  }
  // A space beside the fence is taken off again by the renderer, so a backtick there stays apart.
  const pad = /^`|`$|^ .* $/.test(shown) ? " " : "";
  return fence + pad + shown + pad + fence;
}

/**
 * Puts text into a code span in a table, where pipes end a cell even inside of code. Renderers
 * disagree about a pipe behind a backslash, so that one is shown as its escape.
 */
export function codeCell(text: string, max: number): string {
  return codeSpan(text, max).replace(/\\\|/g, "\\\\u007c").replace(/\|/g, "\\|");
}

/** Escapes what Markdown or HTML would take as markup in running text. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*[\]<>|&~#!]/g, "\\$&")
    // What would become a link by itself.
    .replace(/:(?=\/\/)|(?<=www)\.|@/gi, "\\$&")
    // An underscore inside of a word is not markup and reads better as it is.
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\_");
}

/** Lays out a table that also reads as one without a renderer; cells must be escaped already. */
export function table(head: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = head.map(({ title }, i) =>
    Math.max(3, ...[title, ...rows.map((row) => row[i])].map(unicodeWidth))
  );
  const line = (cells: readonly string[]) =>
    "| " + cells.map((cell, i) => fill(cell, widths[i], head[i])).join(" | ") + " |";
  const rule = head.map(({ right, ragged }, i) => {
    const dashes = "-".repeat((ragged ? 3 : widths[i]) - (right ? 1 : 0));
    return right ? dashes + ":" : dashes;
  });
  const titles = head.map(({ title }) => title);
  return [line(titles), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** A table's column: numbers stand on the right; a ragged one (the last) is not filled up. */
export interface Column {
  readonly title: string;
  readonly right?: true;
  readonly ragged?: true;
}

function fill(cell: string, width: number, { right, ragged }: Column): string {
  if (ragged) return cell;
  const blanks = " ".repeat(width - unicodeWidth(cell));
  return right ? blanks + cell : cell + blanks;
}
