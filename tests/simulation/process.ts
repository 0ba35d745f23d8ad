import type { Timeline } from "./timeline.ts";

/**
 * A process, as far as its machine is concerned: what it waits for. It runs, may stand still
 * (SIGSTOP) and run on (SIGCONT), and ends; from then on nothing it waits for ever comes.
 */
export class Process {
  readonly #timeline: Timeline;
  readonly #timers = new Set<() => void>();
  /** Timers that became due while it stood still, and calls that were done. */
  #overdue: (() => void)[] = [];
  #done: (() => void)[] = [];
  #ended = false;
  #paused = false;
  #catchingUp = false;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Calls once, `ms` from now or when the process runs on; what it gives prevents that. */
  after(ms: number, callback: () => void): () => void {
    if (this.#ended) return () => {};
    let wanted = true;
    const prevent = (): void => {
      wanted = false;
      cancel();
      this.#timers.delete(prevent);
    };
    const fire = (): void => {
      if (!wanted) return;
      prevent();
      callback();
    };
    const cancel = this.#timeline.after(ms, () => {
      if (this.#late) this.#overdue.push(fire);
      else fire();
    });
    this.#timers.add(prevent);
    return prevent;
  }

  /**
   * Asks the system for something that takes `ms`; `effect` happens somewhere in between, also
   * while the process stands still, and not if it ends before.
   *
   * @param effectAt which part of the time is over then, from 0 to 1
   */
  call<T>(ms: number, effectAt: number, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return;
      this.#timeline.after(ms * effectAt, () => {
        if (this.#ended) return;
        let settle: () => void;
        try {
          const value = effect();
          settle = () => resolve(value);
        } catch (error) {
          settle = () => reject(error);
        }
        this.#timeline.after(ms * (1 - effectAt), () => this.settle(settle));
      });
    });
  }

  /** Lets the process see that something is done, as soon as it runs. */
  settle(done: () => void): void {
    if (this.#ended) return;
    if (this.#late) this.#done.push(done);
    else done();
  }

  pause(): void {
    this.#paused = true;
  }

  /** The timers that are overdue fire before it sees what else is done, as in Deno. */
  resume(): void {
    this.#paused = false;
    if (this.#catchingUp || this.#overdue.length + this.#done.length === 0) return;
    this.#catchingUp = true;
    this.#catchUp();
  }

  end(): void {
    this.#ended = true;
    for (const prevent of this.#timers) prevent();
    this.#overdue = [];
    this.#done = [];
  }

  get #late(): boolean {
    return this.#paused || this.#catchingUp;
  }

  #catchUp(): void {
    this.#timeline.after(0, () => {
      const next = this.#paused ? undefined : this.#overdue.shift() ?? this.#done.shift();
      if (next === undefined) {
        this.#catchingUp = false;
      } else {
        this.#catchUp();
        next();
      }
    });
  }
}
