/**
 * JSON lines to entries. Objects are flattened: `{"http":{"status":200}}` is `http.status`.
 *
 * @module
 */
import type { Entry } from "./entry.ts";
import { isJson } from "./is_json.ts";
import { NAME_CHARS_MAX, RECORD_CHARS_MAX } from "../bounds.ts";
import { entryFromFields } from "./entry_from_fields.ts";

/** Depth to which nested objects are read; deeper values are left out. */
const DEPTH_MAX = 4;
/** Fields of one record that are read. */
const FIELDS_MAX = 512;

type Scalar = string | number | boolean;

/**
 * Reads one record from each line; blank lines are none. A line that is neither a JSON object nor
 * an array becomes a message. Arrays and what they hold are ignored.
 */
export function* readJsonLines(text: string): Generator<Entry> {
  for (const line of text.split("\n")) {
    const raw = line.trim();
    if (raw === "") continue;
    if (!/^[{[]/.test(raw) || !isJson(raw)) {
      const message = raw.slice(0, RECORD_CHARS_MAX);
      yield { at: null, level: "none", message, raw: message, numbers: [], values: [] };
      continue;
    }
    const fields: [string, Scalar][] = [];
    flatten(JSON.parse(raw), "", 1, fields);
    yield entryFromFields(fields, raw);
  }
}

function flatten(object: object, prefix: string, depth: number, fields: [string, Scalar][]): void {
  if (Array.isArray(object)) return;
  for (const [key, value] of Object.entries(object)) {
    if (fields.length >= FIELDS_MAX) return;
    // Names over the limit are left out later anyway. Building them here would copy a long key once
    // for each value below it.
    if (value === null || prefix.length + key.length > NAME_CHARS_MAX) continue;
    if (typeof value === "object") {
      if (depth < DEPTH_MAX) flatten(value, `${prefix}${key}.`, depth + 1, fields);
    } else {
      fields.push([prefix + key, value]);
    }
  }
}
