import { printable } from "../../../lib/printable.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Finished markup. Only `html` and the page's style make it, so everything from outside in it is
 * escaped.
 */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * What a template can hold; false, null and undefined show nothing, so that parts can be optional.
 */
export type Child = string | number | Markup | false | null | undefined | readonly Child[];

/**
 * Writes HTML or SVG. Children are escaped for text and for quoted attributes, unless they are
 * markup already. The template's own indentation is removed, and the line breaks at its two ends.
 */
export function html(strings: TemplateStringsArray, ...children: Child[]): Markup {
  const raw = strings.map((part, i) => {
    const start = i === 0 ? part.replace(/^\s*\n\s*/, "") : part;
    const inner = i === strings.length - 1 ? start.replace(/\s*\n\s*$/, "") : start;
    return inner.replace(/\s*\n\s*/g, "\n");
  });
  return new Markup(String.raw({ raw }, ...children.map(render)));
}

/** Keeps each per cent sign on the line of its number, by a no-break space. */
export function joinPercentSigns(text: string): string {
  return text.replaceAll(" %", "\u00a0%");
}

function render(child: Child): string {
  if (child === false || child === null || child === undefined) return "";
  if (child instanceof Markup) return child.text;
  if (typeof child === "object") return child.map(render).join("");
  return printable(String(child), Infinity).replace(/[&<>"']/g, (char) => ENTITIES[char]);
}
