/**
 * What a field is for, by its name.
 *
 * @module
 */

/** What a column or a key is for. */
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

/** Names of codes: numbers whose average means nothing. */
const CODES = new Set(
  "status code status_code errno exit_code port year month day zip zipcode version".split(" "),
);

/** Returns what a column or key is for, by its name in any case. */
export function roleOf(name: string): Role {
  return ROLES.get(name.toLowerCase()) ??
    (/(?:_id|[a-z]Id|ID)$/.test(name) ? "identifier" : "other");
}

/** Whether numbers under this name are codes: each is counted as a value, as words are. */
export function isCode(name: string): boolean {
  return CODES.has(name.slice(name.lastIndexOf(".") + 1).toLowerCase());
}
