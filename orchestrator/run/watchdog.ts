/**
 * Sees to it that nothing is stuck in silence.
 *
 * What must hold: every task that has not ended has an owner, which is the queue, a run or a cancel,
 * and a run waits for nothing that does not end by itself. One without an owner is taken on again, and
 * that is logged as the defect that it is. The task that has waited the longest although it could go
 * on tells whether the orchestrator is behind.
 *
 * @module
 */
import type { Log } from "../../lib/log.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import type { Scheduler } from "./scheduler.ts";
import { isFinal } from "../tasks/task.ts";
import type { TaskLog } from "../tasks/task_log.ts";

const LOOK_MS = 1_000;

export interface WatchdogOptions {
  readonly taskLog: Pick<TaskLog, "tasks">;
  readonly scheduler: Pick<Scheduler, "owns" | "adoptOrphan" | "overdue" | "expire">;
  /** A task that could go on may wait so long. */
  readonly maxWaitMs: number;
  readonly log: Log;
  readonly clock?: Clock;
}

export class Watchdog implements Disposable {
  readonly #options: WatchdogOptions;
  readonly #stop: () => void;
  /** Tasks that had no owner when it last looked. */
  #orphans = new Set<string>();
  /** Tasks that were late when it last looked, so that each is told of once. */
  #late = new Set<string>();
  #oldestMs = 0;
  #adopted = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#stop = (options.clock ?? SYSTEM.clock).every(LOOK_MS, () => this.check());
  }

  /** For how long the task has waited that has done so the longest although it could go on. */
  get oldestMs(): number {
    return Math.round(this.#oldestMs);
  }

  /** Tasks that had no owner, of all there were. */
  get adopted(): number {
    return this.#adopted;
  }

  /** Whether a task that could go on has waited too long. */
  get overloaded(): boolean {
    return this.#oldestMs > this.#options.maxWaitMs;
  }

  /** Looks at every task. */
  check(): void {
    this.#options.scheduler.expire();
    this.#logOverdue();
    this.#adoptOrphans();
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #logOverdue(): void {
    const { scheduler, maxWaitMs, log } = this.#options;
    const late = new Set<string>();
    this.#oldestMs = 0;
    for (const [task, ms] of scheduler.overdue()) {
      this.#oldestMs = Math.max(this.#oldestMs, ms);
      if (ms <= maxWaitMs) continue;
      late.add(task);
      if (!this.#late.has(task)) log("warn", "task_overdue", { task, waited_ms: Math.round(ms) });
    }
    this.#late = late;
  }

  /** Twice in a row: a task may be on its way from one owner to the next. */
  #adoptOrphans(): void {
    const { taskLog, scheduler, log } = this.#options;
    const alone = new Set<string>();
    for (const { task, state } of taskLog.tasks()) {
      if (isFinal(state) || scheduler.owns(task)) continue;
      if (!this.#orphans.has(task)) {
        alone.add(task);
        continue;
      }
      this.#adopted++;
      log("error", "task_orphaned", { task, state });
      scheduler.adoptOrphan(task);
    }
    this.#orphans = alone;
  }
}
