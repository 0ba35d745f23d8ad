import type { Json } from "../../lib/json.ts";

/** What fits into one line of this length stays on one line. */
const LINE_MAX = 100;

/** Writes a value as JSON for people and `jq` alike: short things on one line, long ones indented. */
export function prettyJson(value: Json, indent = ""): string {
  const flat = JSON.stringify(value);
  if (indent.length + flat.length <= LINE_MAX || value === null || typeof value !== "object") {
    return flat;
  }
  const deeper = indent + "  ";
  const parts = Array.isArray(value)
    ? value.map((item) => deeper + prettyJson(item, deeper))
    : Object.entries(value).map(([key, item]) =>
      `${deeper}${JSON.stringify(key)}: ${prettyJson(item, deeper)}`
    );
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
}
