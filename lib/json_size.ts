import type { Json } from "./json.ts";

/** Memory that V8 takes for an object or array without its content, a string, and one slot. */
const OBJECT_BYTES = 56;
const STRING_BYTES = 24;
const SLOT_BYTES = 8;

/**
 * Estimates how many bytes a value takes in memory. The length of its JSON says little about that: an
 * array of empty objects takes twenty times as much.
 */
export function estimateBytes(value: Json): number {
  if (typeof value === "string") return STRING_BYTES + value.length;
  if (typeof value !== "object" || value === null) return 0; // its slot holds it
  let bytes = OBJECT_BYTES;
  if (Array.isArray(value)) {
    for (const element of value) bytes += SLOT_BYTES + estimateBytes(element);
  } else {
    for (const name in value) bytes += SLOT_BYTES + name.length + estimateBytes(value[name]);
  }
  return bytes;
}
