import { setImmediate } from "node:timers";
import { EventQueue } from "./event_queue.ts";

/** As many events without any time passing are a loop that never ends. */
const EVENTS_AT_ONCE_MAX = 1_000_000;

interface Outside {
  readonly settled: Promise<unknown>;
  readonly deliver: () => void;
}

/**
 * Time that passes only when nothing is left to do: everything in a simulation happens in an event
 * of this, one after the other, in the same order each time.
 */
export class Timeline {
  #now = 0;
  #sequence = 0;
  #events = 0;
  #digest = 0;
  readonly #queue = new EventQueue();
  readonly #outside: Outside[] = [];
  #running = false;

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** How many events there were. */
  get events(): number {
    return this.#events;
  }

  /** A number made of all events and their times: two runs that differ in it were not the same. */
  get digest(): number {
    return this.#digest >>> 0;
  }

  /** Calls once, `ms` from now; what it gives prevents that. */
  after(ms: number, callback: () => void): () => void {
    const at = this.#now + (ms > 0 ? ms : 0); // not a number is now, as for a real timer
    const event = {
      at,
      sequence: ++this.#sequence,
      callback: callback as typeof callback | undefined,
    };
    this.#queue.push(event);
    return () => event.callback = undefined;
  }

  /**
   * Lets events happen, each with everything that follows from it before the next one, until
   * `until` holds.
   *
   * @param limitMs of virtual time, from now
   * @throws {Error} where nothing is left that could happen, or the limit is reached
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
   * Lets time stand still until work is done that the simulation can't do itself, such as a digest
   * of WebCrypto. Results come in the order in which they were asked for.
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

  /** One result a turn: what follows from two would mix by how long they really took. */
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

/** Of all turns of the real event loop the cheapest; microtasks run dry before it. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
