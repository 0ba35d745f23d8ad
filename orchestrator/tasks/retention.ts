/** How much of what has ended is kept. */
export interface RetentionBounds {
  /** An ended task is kept so long, in milliseconds, */
  readonly keptMs: number;
  /** and so many of them are, */
  readonly kept: number;
  /** with results that take so many bytes in memory together, see `weightOf()`. */
  readonly resultBytes: number;
  /** and with events that take so many. */
  readonly eventBytes: number;
  /**
   * What is needed to try those again that are dead or cancelled is kept up to so many bytes, for the
   * ones that ended last.
   */
  readonly workBytes: number;
}

export const RETENTION: RetentionBounds = {
  keptMs: 30 * 24 * 3_600_000,
  kept: 2_000,
  resultBytes: 32 * 1024 * 1024,
  eventBytes: 16 * 1024 * 1024,
  workBytes: 32 * 1024 * 1024,
};

/** A task that has ended. */
export interface Ended {
  readonly task: string;
  /** In milliseconds since 1970. */
  readonly at: number;
  /** What its result takes; 0 where it has none. */
  readonly resultBytes: number;
  readonly eventBytes: number;
  /** What a retry of it needs; 0 where it is not kept. */
  readonly workBytes: number;
}

/** Decides which ended tasks are kept; whoever keeps them is told what goes. */
export class Retention {
  readonly #bounds: RetentionBounds;
  /** The one that ended first in front. */
  readonly #ended = new Map<string, Ended>();
  #resultBytes = 0;
  #eventBytes = 0;
  #workBytes = 0;

  constructor(bounds: Partial<RetentionBounds> = {}) {
    this.#bounds = { ...RETENTION, ...bounds };
  }

  add(ended: Ended): void {
    this.#ended.set(ended.task, ended);
    this.#resultBytes += ended.resultBytes;
    this.#eventBytes += ended.eventBytes;
    this.#workBytes += ended.workBytes;
  }

  /** Takes a task out, since it goes on; gives what is to be added where it does not after all. */
  remove(task: string): Ended {
    const ended = this.#ended.get(task)!;
    this.#ended.delete(task);
    this.#resultBytes -= ended.resultBytes;
    this.#eventBytes -= ended.eventBytes;
    this.#workBytes -= ended.workBytes;
    return ended;
  }

  /** Takes the tasks out that are kept no longer at `now`, in milliseconds since 1970. */
  takeOld(now: number): string[] {
    const old: string[] = [];
    for (const { task, at } of this.#ended.values()) {
      const { keptMs, kept, resultBytes, eventBytes } = this.#bounds;
      const fits = this.#ended.size <= kept && this.#resultBytes <= resultBytes &&
        this.#eventBytes <= eventBytes;
      if (fits && now - at <= keptMs) break;
      this.remove(task);
      old.push(task);
    }
    return old;
  }

  /** Takes the tasks whose work is kept no longer; the tasks themselves stay. */
  takeWork(): string[] {
    const tasks: string[] = [];
    for (const ended of this.#ended.values()) {
      if (this.#workBytes <= this.#bounds.workBytes) break;
      if (ended.workBytes === 0) continue;
      this.#workBytes -= ended.workBytes;
      this.#ended.set(ended.task, { ...ended, workBytes: 0 });
      tasks.push(ended.task);
    }
    return tasks;
  }
}
