import type { Clock } from "../../lib/system.ts";

/** What a running task waits for, and until when that must have come to an end. */
export class WaitTracker {
  readonly #clock: Clock;
  readonly #dues = new Set<{ readonly due: number }>();
  /** When it last began or ended to wait: in between it is the disk's turn. */
  #movedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#movedAt = clock.now();
  }

  /** Waits for what must end by itself within `ms`. */
  async within<T>(ms: number, promise: Promise<T>): Promise<T> {
    const wait = { due: this.#clock.now() + ms };
    this.#dues.add(wait);
    try {
      return await promise;
    } finally {
      this.#dues.delete(wait);
      this.#movedAt = this.#clock.now();
    }
  }

  /** By how many milliseconds it should have gone on before now; 0 where it is not late. */
  get overdueMs(): number {
    const due = this.#dues.size === 0
      ? this.#movedAt
      : Math.min(...[...this.#dues].map(({ due }) => due));
    return Math.max(0, this.#clock.now() - due);
  }
}
