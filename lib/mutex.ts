import { unlessAborted } from "./abort.ts";

/** Runs one piece of work at a time, in the order of the calls. */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /**
   * Runs `work` after all earlier work has ended. An abort rejects the caller at once, with the
   * signal's reason: work that has not begun is never run, and work that has begun keeps the mutex
   * until it ends.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const turn = this.#last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    // Drops the outcome, or the chain would hold the latest one in memory.
    this.#last = turn.then(() => {}, () => {});
    return unlessAborted(turn, signal);
  }
}
