import type { Json } from "./json.ts";

/** What V8 takes for an object, a list or a text beside what is in it, and for a place in one. */
const OBJECT_BYTES = 56;
const TEXT_BYTES = 24;
const PLACE_BYTES = 8;

/**
 * Roughly how many bytes a value takes in memory. A list of empty objects takes twenty times what it
 * has in characters of JSON, so those say little of what is safe to keep.
 */
export function estimateBytes(value: Json): number {
  if (typeof value === "string") return TEXT_BYTES + value.length;
  if (typeof value !== "object" || value === null) return 0; // in its place
  let bytes = OBJECT_BYTES;
  if (Array.isArray(value)) {
    for (const each of value) bytes += PLACE_BYTES + estimateBytes(each);
  } else {
    for (const name in value) bytes += PLACE_BYTES + name.length + estimateBytes(value[name]);
  }
  return bytes;
}
