/**
 * Logs what others bring about as often as they like, so that they can't fill the log with it.
 *
 * @module
 */
import type { Log } from "./log.ts";
import type { Clock } from "./system.ts";

const EVERY_MS = 1_000;

/** One kind of event, of which a line is written once a second at most. */
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

  /** Warns of it, with `times`: how often since the last line; or keeps it for the next one. */
  warn(fields: Record<string, unknown>): void {
    this.#suppressed++;
    const now = this.#clock.now();
    if (now - this.#loggedAt < EVERY_MS) return;
    this.#log("warn", this.#event, { ...fields, times: this.#suppressed });
    this.#suppressed = 0;
    this.#loggedAt = now;
  }
}
