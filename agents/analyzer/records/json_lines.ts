/**
 * JSON lines to entries. Objects are flattened: `{"http":{"status":200}}` is `http.status`.
 *
 * @module
 */
import type { Entry } from "./entry.ts";
import { isJson } from "./is_json.ts";
import { NAME_CHARS_MAX, RECORD_CHARS_MAX } from "../bounds.ts";
import { entryFromFields } from "./entry_from_fields.ts";

/** Objects in each other; what lies deeper is left out. */
const DEPTH_MAX = 4;
/** Values of one record that are read. */
const PAIRS_MAX = 512;

type Scalar = string | number | boolean;

/** Reads one record from each line; a line that is no JSON object or array counts as a message. */
export function* readJsonLines(text: string): Generator<Entry> {
  for (const line of text.split("\n")) {
    const raw = line.trim();
    if (raw === "") continue;
    if (!/^[{[]/.test(raw) || !isJson(raw)) {
      const message = raw.slice(0, RECORD_CHARS_MAX);
      yield { at: null, level: "none", message, raw: message, numbers: [], values: [] };
      continue;
    }
    const pairs: [string, Scalar][] = [];
    flatten(JSON.parse(raw), "", 1, pairs);
    yield entryFromFields(pairs, raw);
  }
}

function flatten(object: object, prefix: string, depth: number, pairs: [string, Scalar][]): void {
  if (Array.isArray(object)) return;
  for (const [key, value] of Object.entries(object)) {
    if (pairs.length >= PAIRS_MAX) return;
    // Names that are left out anyway are not made: one long key would be copied for each value below.
    if (value === null || prefix.length + key.length > NAME_CHARS_MAX) continue;
    if (typeof value === "object") {
      if (depth < DEPTH_MAX) flatten(value, `${prefix}${key}.`, depth + 1, pairs);
    } else {
      pairs.push([prefix + key, value]);
    }
  }
}
