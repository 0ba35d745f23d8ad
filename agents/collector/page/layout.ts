/**
 * How the records of a source lie one behind the other.
 *
 * @module
 */
import type { Format } from "../../shapes.ts";

/** A page's format, or `json`: values with white space, commas and brackets between them. */
export type Layout = Format | "json";

/** The format of a page that is cut from a source of this layout. */
export function formatOf(layout: Layout): Format {
  return layout === "json" ? "ndjson" : layout;
}
