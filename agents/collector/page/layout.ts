import type { Format } from "../../shapes.ts";

/**
 * How the records of a source follow each other: as in a page's format, or as `json`, values with
 * white space, commas and brackets between them.
 */
export type Layout = Format | "json";

/** Returns the format of a page that is cut from a source of this layout. */
export function formatOf(layout: Layout): Format {
  return layout === "json" ? "ndjson" : layout;
}
