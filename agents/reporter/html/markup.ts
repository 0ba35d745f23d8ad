import { printable } from "../../../lib/printable.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Markup that is ready: it was written by `html`, so everything from outside in it is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What can stand in a template; false, null and undefined show nothing, so that parts can be left out. */
export type Child = string | number | Markup | false | null | undefined | readonly Child[];

/**
 * Writes HTML or SVG: what is put in is escaped, in text and in quoted attributes, unless it is
 * markup already. Of the template itself the indentation goes, and the line breaks at its two ends.
 */
export function html(strings: TemplateStringsArray, ...children: Child[]): Markup {
  const raw = strings.map((part, i) => {
    const start = i === 0 ? part.replace(/^\s*\n\s*/, "") : part;
    const inner = i === strings.length - 1 ? start.replace(/\s*\n\s*$/, "") : start;
    return inner.replace(/\s*\n\s*/g, "\n");
  });
  return new Markup(String.raw({ raw }, ...children.map(render)));
}

/** Keeps per cent signs on the line of their number. */
export function unbroken(text: string): string {
  return text.replaceAll(" %", "\u00a0%");
}

function render(child: Child): string {
  if (child === false || child === null || child === undefined) return "";
  if (child instanceof Markup) return child.text;
  if (typeof child === "object") return child.map(render).join("");
  return printable(String(child), Infinity).replace(/[&<>"']/g, (char) => ENTITIES[char]);
}
