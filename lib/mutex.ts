import { unlessAborted } from "./abort.ts";

/** Runs one piece of work at a time, in the order of asking. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Waits for its turn and works; an abort ends the waiting or the turn, with its reason. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    const turn = before.then(() => {
      signal.throwIfAborted();
      return work();
    });
    const ended = unlessAborted(turn, signal);
    // Nothing of the outcomes may hang on the chain, or none of them is ever let go.
    this.#last = Promise.allSettled([before, ended]).then(() => {});
    return ended;
  }
}
