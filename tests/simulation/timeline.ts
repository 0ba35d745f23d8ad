import { setImmediate } from "node:timers";
import { EventQueue } from "./event_queue.ts";

/** With more events at one point in time, the simulation is regarded as an endless loop. */
const EVENTS_AT_ONCE_MAX = 1_000_000;

interface Outside {
  readonly settled: Promise<unknown>;
  readonly deliver: () => void;
}

/**
 * Virtual time. It advances only when nothing is left to do at the current moment. Everything in a
 * simulation happens in events, one after another, in the same order in each run.
 */
export class Timeline {
  #now = 0;
  #sequence = 0;
  #events = 0;
  #digest = 0;
  readonly #queue = new EventQueue();
  readonly #outside: Outside[] = [];
  #running = false;

  /** The time since the start, in ms. */
  get now(): number {
    return this.#now;
  }

  /** The number of past events. */
  get events(): number {
    return this.#events;
  }

  /** A digest of all events and their times. If it differs, two runs were not the same. */
  get digest(): number {
    return this.#digest >>> 0;
  }

  /** Calls `callback` once, after `ms`. Returns a function that cancels the call. */
  after(ms: number, callback: () => void): () => void {
    const at = this.#now + (ms > 0 ? ms : 0); // NaN means 0, as for a real timer
    const event = {
      at,
      sequence: ++this.#sequence,
      callback: callback as typeof callback | undefined,
    };
    this.#queue.push(event);
    return () => event.callback = undefined;
  }

  /**
   * Runs events until `until()` returns true. All microtasks of an event run before the next event.
   *
   * @param limitMs the longest virtual time from now
   * @throws {Error} if no event is scheduled any more, or the limit is reached
   * @throws what a callback throws
   */
  async run(until: () => boolean, limitMs: number): Promise<void> {
    const end = this.#now + limitMs;
    let atOnce = 0;
    this.#running = true;
    try {
      await this.#settle();
      while (!until()) {
        const event = this.#queue.pop();
        if (event === undefined) {
          throw new Error(`Deadlock at ${this.#now} ms: nothing is scheduled any more`);
        }
        if (event.at > end) {
          this.#queue.push(event);
          this.#now = end;
          throw new Error(`Not over within ${limitMs} ms of virtual time, at ${end} ms`);
        }
        atOnce = event.at > this.#now ? 0 : atOnce + 1;
        if (atOnce > EVENTS_AT_ONCE_MAX) throw new Error(`Time stands still at ${this.#now} ms`);
        this.#now = event.at;
        this.#count(event.at, event.sequence);
        const callback = event.callback!;
        event.callback = undefined;
        callback();
        await this.#settle();
      }
    } finally {
      this.#running = false;
    }
  }

  /**
   * Stops time until work outside the simulation is done, such as a digest by WebCrypto. Results
   * arrive in the order of the calls.
   */
  outside<T>(work: Promise<T>): Promise<T> {
    if (!this.#running) return work;
    return new Promise((resolve, reject) => {
      let deliver = (): void => {};
      const settled = work.then(
        (value) => deliver = () => resolve(value),
        (error) => deliver = () => reject(error),
      );
      this.#outside.push({ settled, deliver: () => deliver() });
    });
  }

  /** Delivers one result per turn, so that real durations can't change the order of events. */
  async #settle(): Promise<void> {
    await turn();
    for (let next; (next = this.#outside.shift()) !== undefined;) {
      await next.settled;
      next.deliver();
      await turn();
    }
  }

  #count(at: number, sequence: number): void {
    this.#events++;
    this.#digest = Math.imul(this.#digest ^ sequence ^ Math.round(at * 1000), 0x01000193);
  }
}

/** Waits one turn of the real event loop, so that all microtasks run. No other turn is cheaper. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
