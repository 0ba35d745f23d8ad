import type { Clock } from "../../lib/system.ts";

/** Knows what a running task waits for, and when each wait must be over. */
export class WaitTracker {
  readonly #clock: Clock;
  readonly #waits = new Set<{ readonly due: number }>();
  /** When a wait last ended. While nothing is waited for, the task is writing to the log. */
  #lastEndedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastEndedAt = clock.now();
  }

  /** Waits for a promise that must settle by itself within `ms`. */
  async within<T>(ms: number, promise: Promise<T>): Promise<T> {
    const wait = { due: this.#clock.now() + ms };
    this.#waits.add(wait);
    try {
      return await promise;
    } finally {
      this.#waits.delete(wait);
      this.#lastEndedAt = this.#clock.now();
    }
  }

  /** How long the task has been overdue, in milliseconds; 0 if it is in time. */
  get overdueMs(): number {
    const due = this.#waits.size === 0
      ? this.#lastEndedAt
      : Math.min(...[...this.#waits].map(({ due }) => due));
    return Math.max(0, this.#clock.now() - due);
  }
}
