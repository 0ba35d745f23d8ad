/**
 * Named fields to an entry: what JSON lines, CSV and logfmt have in common.
 *
 * @module
 */
import type { Level } from "../../shapes.ts";
import type { Entry } from "./entry.ts";
import { isCode, roleOf } from "./field_role.ts";
import { levelOf, levelOfNumber } from "./level.ts";
import { NAME_CHARS_MAX, RECORD_CHARS_MAX, VALUE_CHARS_MAX } from "../bounds.ts";
import { parseQuantity } from "./quantity.ts";
import { instantOf, instantOfNumber } from "./timestamp.ts";

/** Characters of a text that may be a time. */
const INSTANT_CHARS_MAX = 63;

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/**
 * Makes an entry of a record's fields. The first field that holds a time, a level or a message
 * states that of the record; identifiers and names over `NAME_CHARS_MAX` are left out.
 */
export function entryFromFields(
  fields: Iterable<readonly [name: string, value: string | number | boolean]>,
  raw: string,
): Entry {
  let at: number | null = null;
  let level: Level = "none";
  let message: string | null = null;
  const numbers: [string, number][] = [];
  const values: [string, string][] = [];
  for (const [name, given] of fields) {
    if (name === "" || name.length > NAME_CHARS_MAX) continue;
    const value = typeof given === "string" && NUMBER.test(given.trim()) ? Number(given) : given;
    const role = roleOf(name);
    const instant: number | undefined = role === "time" && at === null
      ? asInstant(value)
      : undefined;
    const stated: Level | undefined = role === "level" && level === "none"
      ? asLevel(value)
      : undefined;
    const quantity = typeof value === "string" ? parseQuantity(value.trim()) : undefined;
    if (instant !== undefined) at = instant;
    else if (stated !== undefined) level = stated;
    else if (role === "message" && message === null && typeof given === "string") {
      message = given.slice(0, RECORD_CHARS_MAX);
    } else if (role === "identifier") continue;
    else if (typeof value === "number" && !isCode(name)) numbers.push([name, value]);
    else if (quantity !== undefined) numbers.push([`${name}_${quantity.unit}`, quantity.value]);
    else if (isValue(value)) values.push([name, String(value).trim()]);
  }
  return { at, level, message, raw: raw.slice(0, RECORD_CHARS_MAX), numbers, values };
}

function asInstant(value: string | number | boolean): number | undefined {
  if (typeof value === "number") return instantOfNumber(value);
  return typeof value === "string" && value.length <= INSTANT_CHARS_MAX
    ? instantOf(value)
    : undefined;
}

function asLevel(value: string | number | boolean): Level | undefined {
  if (typeof value === "number") return levelOfNumber(value);
  return typeof value === "string" ? levelOf(value.trim()) : undefined;
}

function isValue(value: string | number | boolean): boolean {
  return typeof value !== "string" || (value.length <= VALUE_CHARS_MAX && value.trim() !== "");
}
