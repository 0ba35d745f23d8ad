import type { Page } from "../../../agents/shapes.ts";

/** A page of a text, as the collector sends it; `changes` replaces any of its properties. */
export function pageOf(text: string, changes: Partial<Page> = {}): Page {
  return {
    stream: "app",
    source: "app.log",
    format: "lines",
    first_line: 1,
    text,
    bytes: new TextEncoder().encode(text).length,
    cut: 0,
    ...changes,
  };
}
