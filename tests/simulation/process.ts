import type { Timeline } from "./timeline.ts";

/**
 * The timers and system calls of a process. The process can be paused (SIGSTOP) and resumed
 * (SIGCONT). After it has ended, no timer fires and no call settles.
 */
export class Process {
  readonly #timeline: Timeline;
  readonly #timers = new Set<() => void>();
  /** Timers that became due, and calls that completed, while the process was paused. */
  #overdue: (() => void)[] = [];
  #done: (() => void)[] = [];
  #ended = false;
  #paused = false;
  #catchingUp = false;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the process is paused. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Calls `callback` once, after `ms`; if the process is paused then, after it resumes.
   *
   * @returns a function that cancels the call
   */
  after(ms: number, callback: () => void): () => void {
    if (this.#ended) return () => {};
    let cancelled = false;
    const cancel = (): void => {
      cancelled = true;
      cancelEvent();
      this.#timers.delete(cancel);
    };
    const fire = (): void => {
      if (cancelled) return;
      cancel();
      callback();
    };
    const cancelEvent = this.#timeline.after(ms, () => {
      if (this.#late) this.#overdue.push(fire);
      else fire();
    });
    this.#timers.add(cancel);
    return cancel;
  }

  /**
   * Makes a system call that takes `ms`. Its `effect` happens during that time, even if the process
   * is paused, but not after the process has ended.
   *
   * @param effectAt when the effect happens, as a fraction of `ms` from 0 to 1
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

  /** Calls `done` at once, or after the process resumes. */
  settle(done: () => void): void {
    if (this.#ended) return;
    if (this.#late) this.#done.push(done);
    else done();
  }

  /** Holds back timers and completed calls until `resume()`. */
  pause(): void {
    this.#paused = true;
  }

  /** Continues. Overdue timers fire before completed calls settle, as in Deno. */
  resume(): void {
    this.#paused = false;
    if (this.#catchingUp || this.#overdue.length + this.#done.length === 0) return;
    this.#catchingUp = true;
    this.#catchUp();
  }

  /** Ends the process: cancels its timers and leaves its calls pending for ever. */
  end(): void {
    this.#ended = true;
    for (const cancel of this.#timers) cancel();
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
