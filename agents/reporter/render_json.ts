import type { Json } from "../../lib/json.ts";
import { printableLines } from "../../lib/printable.ts";

/** Characters of a line up to which a value stays on one line. */
const LINE_CHARS_MAX = 100;

/**
 * Writes a value as JSON for people and `jq` alike: short values on one line, long ones indented,
 * and every character that a terminal would obey escaped.
 */
export function renderJson(value: Json): string {
  return printableLines(pretty(value, "")) + "\n";
}

function pretty(value: Json, indent: string): string {
  const flat = JSON.stringify(value);
  const fits = indent.length + flat.length <= LINE_CHARS_MAX;
  if (fits || value === null || typeof value !== "object") return flat;
  const deeper = indent + "  ";
  const parts = Array.isArray(value)
    ? value.map((item) => deeper + pretty(item, deeper))
    : Object.entries(value).map(([key, item]) =>
      `${deeper}${JSON.stringify(key)}: ${pretty(item, deeper)}`
    );
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
}
