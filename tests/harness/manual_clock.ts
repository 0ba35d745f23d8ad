import { type Clock, SYSTEM } from "../../lib/system.ts";

/** A server checks its limits in time this often, and takes twice as long a step for a standstill. */
const STEP_MS = 250;

/**
 * A clock that stands still until a test moves it, so that no limit in time depends on the speed of
 * the machine. Timers set with `after` are the real ones.
 */
export class ManualClock implements Clock {
  ms = 0;
  readonly #callbacks = new Set<() => void>();
  readonly now = (): number => this.ms;
  readonly date = SYSTEM.clock.date;
  readonly after = SYSTEM.clock.after;
  readonly every = (_ms: number, callback: () => void): () => void => {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  };

  /** How many callbacks are registered with `every`. */
  get called(): number {
    return this.#callbacks.size;
  }

  /** Moves on by `ms`; calls the callbacks of `every` on the way and at the end. */
  pass(ms: number): void {
    for (const end = this.ms + ms; this.ms < end;) {
      this.ms = Math.min(end, this.ms + STEP_MS);
      for (const callback of this.#callbacks) callback();
    }
  }

  /** Moves on by `ms` and calls the callbacks only at the end, as after a standstill of the process. */
  stall(ms: number): void {
    this.ms += ms;
    for (const callback of this.#callbacks) callback();
  }
}
