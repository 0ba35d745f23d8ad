/** Tasks that wait for their turn, in order, and how long each of them has been runnable. */
export class Queue {
  /** By task, since when it has been runnable, or in the queue if it is not runnable. */
  #waiting = new Map<string, number>();
  readonly #now: () => number;
  readonly #mayBegin: (task: string) => boolean;

  /**
   * @param now returns milliseconds on a clock that never jumps
   * @param mayBegin whether a task is runnable; otherwise the tasks after it pass by
   */
  constructor(now: () => number, mayBegin: (task: string) => boolean) {
    this.#now = now;
    this.#mayBegin = mayBegin;
  }

  /** How many tasks wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether a task waits. */
  has(task: string): boolean {
    return this.#waiting.has(task);
  }

  /** Adds a task after all others. */
  push(task: string): void {
    this.#waiting.set(task, this.#now());
  }

  /** Adds a task before all others, since it has had its turn already. */
  putBack(task: string): void {
    this.#waiting = new Map([[task, this.#now()], ...this.#waiting]);
  }

  /** Takes out a task, if it waits. */
  delete(task: string): void {
    this.#waiting.delete(task);
  }

  /** Takes out, and returns, the first runnable task. */
  take(): string | undefined {
    for (const task of this.#waiting.keys()) {
      if (!this.#mayBegin(task)) continue;
      this.#waiting.delete(task);
      return task;
    }
  }

  /** Returns how many tasks have their turn before this task; `undefined` if it does not wait. */
  ahead(task: string): number | undefined {
    let ahead = 0;
    for (const other of this.#waiting.keys()) {
      if (other === task) return ahead;
      if (this.#mayBegin(other)) ahead++;
    }
  }

  /** Yields each task with how long it has been runnable, in milliseconds; 0 if it is not. */
  *waits(): Generator<[task: string, ms: number]> {
    const now = this.#now();
    for (const [task, since] of this.#waiting) {
      const runnable = this.#mayBegin(task);
      if (!runnable) this.#waiting.set(task, now);
      yield [task, runnable ? now - since : 0];
    }
  }
}
