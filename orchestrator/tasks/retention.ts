/** How much is kept of tasks that have ended. Bytes are as `estimateBytes()` counts. */
export interface RetentionLimits {
  /** Age of an ended task, in milliseconds. */
  readonly ageMs: number;
  /** Ended tasks. */
  readonly tasks: number;
  /** Results of all ended tasks together. */
  readonly resultBytes: number;
  /** Events of all ended tasks together. */
  readonly eventBytes: number;
  /** What retries of dead and cancelled tasks need. Beyond it the task stays without a retry. */
  readonly workBytes: number;
}

/** The limits that hold unless a test sets others. */
export const RETENTION: RetentionLimits = {
  ageMs: 30 * 24 * 3_600_000,
  tasks: 2_000,
  resultBytes: 32 * 1024 * 1024,
  eventBytes: 16 * 1024 * 1024,
  workBytes: 32 * 1024 * 1024,
};

/** What is kept of a task that has ended. */
export interface EndedTask {
  readonly task: string;
  /** When it ended, in milliseconds since 1970. */
  readonly at: number;
  /** 0 if it has no result. */
  readonly resultBytes: number;
  readonly eventBytes: number;
  /** 0 if it can't be retried. */
  readonly workBytes: number;
}

/** Decides which ended tasks are kept. It removes nothing itself: its caller owns the tasks. */
export class Retention {
  readonly #limits: RetentionLimits;
  /** In the order in which the tasks ended. */
  readonly #ended = new Map<string, EndedTask>();
  #resultBytes = 0;
  #eventBytes = 0;
  #workBytes = 0;

  constructor(limits: Partial<RetentionLimits> = {}) {
    this.#limits = { ...RETENTION, ...limits };
  }

  /** Adds a task that has ended after all others. */
  add(ended: EndedTask): void {
    this.#ended.set(ended.task, ended);
    this.#resultBytes += ended.resultBytes;
    this.#eventBytes += ended.eventBytes;
    this.#workBytes += ended.workBytes;
  }

  /** Takes out a task that is retried; returns what to `add` again if the retry fails. */
  remove(task: string): EndedTask {
    const ended = this.#ended.get(task)!;
    this.#ended.delete(task);
    this.#resultBytes -= ended.resultBytes;
    this.#eventBytes -= ended.eventBytes;
    this.#workBytes -= ended.workBytes;
    return ended;
  }

  /** Takes out, and returns, the tasks beyond the limits at `now`, in milliseconds since 1970. */
  takeExpired(now: number): string[] {
    const { ageMs, tasks, resultBytes, eventBytes } = this.#limits;
    const expired: string[] = [];
    for (const { task, at } of this.#ended.values()) {
      const fits = this.#ended.size <= tasks && this.#resultBytes <= resultBytes &&
        this.#eventBytes <= eventBytes;
      if (fits && now - at <= ageMs) break;
      this.remove(task);
      expired.push(task);
    }
    return expired;
  }

  /** Returns, once each, the tasks that stay but whose work is beyond the limit. */
  takeWork(): string[] {
    const tasks: string[] = [];
    for (const ended of this.#ended.values()) {
      if (this.#workBytes <= this.#limits.workBytes) break;
      if (ended.workBytes === 0) continue;
      this.#workBytes -= ended.workBytes;
      this.#ended.set(ended.task, { ...ended, workBytes: 0 });
      tasks.push(ended.task);
    }
    return tasks;
  }
}
