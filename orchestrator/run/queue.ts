/** Tasks that wait for their turn, in order, and since when each of them could have had it. */
export class Queue {
  /** By task, the instant from which on it could have begun. */
  #waiting = new Map<string, number>();
  readonly #now: () => number;
  readonly #mayBegin: (task: string) => boolean;

  /**
   * @param now milliseconds on a clock that never jumps
   * @param mayBegin whether a task's turn may come; the others pass by it meanwhile
   */
  constructor(now: () => number, mayBegin: (task: string) => boolean) {
    this.#now = now;
    this.#mayBegin = mayBegin;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(task: string): boolean {
    return this.#waiting.has(task);
  }

  /** Puts a task behind the others. */
  push(task: string): void {
    this.#waiting.set(task, this.#now());
  }

  /** Puts a task before the others: its turn has come before. */
  putBack(task: string): void {
    this.#waiting = new Map([[task, this.#now()], ...this.#waiting]);
  }

  delete(task: string): void {
    this.#waiting.delete(task);
  }

  /** Takes the first task whose turn may come. */
  take(): string | undefined {
    for (const task of this.#waiting.keys()) {
      if (!this.#mayBegin(task)) continue;
      this.#waiting.delete(task);
      return task;
    }
  }

  /** How many have their turn before this one; nothing where it does not wait. */
  ahead(task: string): number | undefined {
    let ahead = 0;
    for (const other of this.#waiting.keys()) {
      if (other === task) return ahead;
      if (this.#mayBegin(other)) ahead++;
    }
  }

  /** Each task, and for how many milliseconds it could have begun; 0 while it may not. */
  *waits(): Generator<[task: string, ms: number]> {
    const now = this.#now();
    for (const [task, since] of this.#waiting) {
      const runnable = this.#mayBegin(task);
      if (!runnable) this.#waiting.set(task, now);
      yield [task, runnable ? now - since : 0];
    }
  }
}
