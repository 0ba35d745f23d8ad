/**
 * Sees to it that no task is stuck in silence.
 *
 * What must hold: every task that has not ended has an owner, which is the queue, a slot or a cancel;
 * and a task in a slot waits for nothing that does not end by itself. A task without an owner is a
 * defect: it is logged as an error, and queued again. The longest time that a task is held up shows
 * whether the orchestrator is overloaded.
 *
 * @module
 */
import type { Log } from "../../lib/log.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { isFinal } from "../tasks/task.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import type { Scheduler } from "./scheduler.ts";

const CHECK_EVERY_MS = 1_000;

/** What a watchdog watches, and when it warns. */
export interface WatchdogOptions {
  readonly taskLog: Pick<TaskLog, "tasks">;
  readonly scheduler: Pick<Scheduler, "owns" | "adoptOrphan" | "overdue" | "expire">;
  /** How long a task may be held up, in milliseconds. */
  readonly maxWaitMs: number;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Checks all tasks once a second until it is disposed. */
export class Watchdog implements Disposable {
  readonly #options: WatchdogOptions;
  readonly #stop: () => void;
  /** Tasks that had no owner at the last check. */
  #orphans = new Set<string>();
  /** Tasks that were overdue at the last check, so that each is logged once. */
  #overdue = new Set<string>();
  #oldestMs = 0;
  #adopted = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#stop = (options.clock ?? SYSTEM.clock).every(CHECK_EVERY_MS, () => this.check());
  }

  /** The longest time that a task has been held up, in milliseconds. */
  get oldestMs(): number {
    return Math.round(this.#oldestMs);
  }

  /** How many tasks without an owner have been queued again. */
  get adopted(): number {
    return this.#adopted;
  }

  /** Whether a task has been held up for more than `maxWaitMs`. */
  get overloaded(): boolean {
    return this.#oldestMs > this.#options.maxWaitMs;
  }

  /** Checks all tasks now. */
  check(): void {
    this.#options.scheduler.expire();
    this.#checkWaits();
    this.#adoptOrphans();
  }

  /** Ends the checks. */
  [Symbol.dispose](): void {
    this.#stop();
  }

  #checkWaits(): void {
    const { scheduler, maxWaitMs, log } = this.#options;
    const overdue = new Set<string>();
    this.#oldestMs = 0;
    for (const [task, ms] of scheduler.overdue()) {
      this.#oldestMs = Math.max(this.#oldestMs, ms);
      if (ms <= maxWaitMs) continue;
      overdue.add(task);
      if (!this.#overdue.has(task)) {
        log("warn", "task_overdue", { task, waited_ms: Math.round(ms) });
      }
    }
    this.#overdue = overdue;
  }

  /** Adopts at the second check in a row: a task may be on its way from one owner to the next. */
  #adoptOrphans(): void {
    const { taskLog, scheduler, log } = this.#options;
    const orphans = new Set<string>();
    for (const { task, state } of taskLog.tasks()) {
      if (isFinal(state) || scheduler.owns(task)) continue;
      if (!this.#orphans.has(task)) {
        orphans.add(task);
        continue;
      }
      this.#adopted++;
      log("error", "task_orphaned", { task, state });
      scheduler.adoptOrphan(task);
    }
    this.#orphans = orphans;
  }
}
