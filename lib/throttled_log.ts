import type { Log } from "./log.ts";
import type { Clock } from "./system.ts";

const INTERVAL_MS = 1_000;

/**
 * Logs one kind of event at most once a second. For events that peers can cause at will, so that they
 * can't fill the log.
 */
export class ThrottledLog {
  readonly #log: Log;
  readonly #event: string;
  readonly #clock: Pick<Clock, "now">;
  #suppressed = 0;
  #loggedAt = -Infinity;

  constructor(log: Log, event: string, clock: Pick<Clock, "now">) {
    this.#log = log;
    this.#event = event;
    this.#clock = clock;
  }

  /** Logs a warning, with `times`: how often it happened since the last line. Or only counts it. */
  warn(fields: Record<string, unknown>): void {
    this.#suppressed++;
    const now = this.#clock.now();
    if (now - this.#loggedAt < INTERVAL_MS) return;
    this.#log("warn", this.#event, { ...fields, times: this.#suppressed });
    this.#suppressed = 0;
    this.#loggedAt = now;
  }
}
