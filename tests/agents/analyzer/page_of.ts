import type { Page } from "../../../agents/shapes.ts";

/** A page of a text, as the collector would give it. */
export function pageOf(text: string, more: Partial<Page> = {}): Page {
  const bytes = new TextEncoder().encode(text).length;
  return {
    stream: "app",
    source: "app.log",
    format: "lines",
    first_line: 1,
    text,
    bytes,
    cut: 0,
    ...more,
  };
}
