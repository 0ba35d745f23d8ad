/**
 * What a record says, whatever format it came in.
 *
 * @module
 */
import type { Level } from "../../shapes.ts";

export interface Entry {
  /** Milliseconds since 1970, or null where the record states no time. */
  readonly at: number | null;
  readonly level: Level;
  /** The part that becomes a template; null where there is none. */
  readonly message: string | null;
  /** The record as it came. */
  readonly raw: string;
  readonly numbers: readonly [name: string, value: number][];
  readonly words: readonly [name: string, value: string][];
}

/** What the usual names of columns and keys mean. */
export type Role = "time" | "level" | "message" | "identifier" | "other";

const ROLES = new Map<string, Role>([
  ..."time timestamp ts @timestamp date datetime date_time created_at eventtime".split(" ")
    .map((name): [string, Role] => [name, "time"]),
  ..."level severity lvl loglevel log_level log.level levelname priority".split(" ")
    .map((name): [string, Role] => [name, "level"]),
  ..."msg message log text event_message".split(" ")
    .map((name): [string, Role] => [name, "message"]),
  ..."id uuid guid pid tid seq sequence trace_id span_id request_id session_id offset lineno".split(
    " ",
  )
    .map((name): [string, Role] => [name, "identifier"]),
]);

/** Codes are numbers that nobody averages. */
const CODES = new Set(
  "status code status_code errno exit_code port year month day zip zipcode version".split(" "),
);

/** What a column or key is for, by its name in any case. */
export function roleOf(name: string): Role {
  return ROLES.get(name.toLowerCase()) ??
    (/(?:_id|[a-z]Id|ID)$/.test(name) ? "identifier" : "other");
}

/** Whether numbers under this name are codes: counted one by one, as words are. */
export function isCode(name: string): boolean {
  return CODES.has(name.slice(name.lastIndexOf(".") + 1).toLowerCase());
}
