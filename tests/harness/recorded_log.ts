import type { Log } from "../../lib/log.ts";

/** One call of a log. */
export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly fields: Record<string, unknown>;
}

/** Returns a log that adds each call to `logged` and writes nothing. */
export function recordLog(): { log: Log; logged: Logged[] } {
  const logged: Logged[] = [];
  return { logged, log: (level, event, fields = {}) => logged.push({ level, event, fields }) };
}

/** A log that drops everything. */
export const quiet: Log = () => {};
