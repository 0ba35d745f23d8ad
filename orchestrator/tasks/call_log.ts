import type { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { toWire } from "../../lib/wire/protocol.ts";
import { brief, unlessCancelling } from "./task.ts";
import { affinityKey, GENERATIONS, outputKey } from "./task_keys.ts";
import type { TaskStore } from "./task_store.ts";

/** A failed attempt of a call; another one follows. */
export interface AttemptFailure {
  /** Attempts that have failed so far. */
  readonly attempts: number;
  readonly error: CodedError;
  /** Time until the next attempt, in milliseconds. */
  readonly waitMs: number;
  readonly page?: number;
}

/**
 * The steps of a task's calls. `stage` is the name of a call, and `request` the id that the agent
 * knows it by.
 *
 * Methods that are async resolve when the step is on disk. The others don't wait for the disk: what a
 * crash loses of them happens again.
 */
export class CallLog {
  readonly #store: TaskStore;

  constructor(store: TaskStore) {
    this.#store = store;
  }

  /** Returns 1, or a higher number for a call that a retry redoes; each such retry raises it. */
  generation(id: string, stage: string): number {
    return this.generations(id)[stage] ?? 1;
  }

  /** Returns the generations of the calls that retries have redone, by name. */
  generations(id: string): Readonly<Record<string, number>> {
    return (this.#store.entry(id, GENERATIONS) ?? {}) as Record<string, number>;
  }

  /** Returns the address that may have the answer to a request. */
  affinity(id: string, request: string): string | undefined {
    return this.#store.entry(id, affinityKey(request)) as string | undefined;
  }

  /** Returns the reply to a call, if the call is done. */
  output(id: string, stage: string): JsonObject | undefined {
    return this.#store.entry(id, outputKey(stage)) as JsonObject | undefined;
  }

  /** Returns what all replies to the task's calls take in memory, as `estimateBytes()` counts. */
  outputBytes(id: string): number {
    return this.#store.bytes(id, "outputs");
  }

  /** Notes that the task has come to a call; does nothing if that is noted already. */
  started(id: string, stage: string): void {
    if (this.#store.latest(id).stage === stage) return;
    this.#store.note(id, { stage, failed_attempts: 0 }, { kind: "stage_started", stage });
  }

  /** Notes the address that a request is about to go to. */
  async setAffinity(id: string, request: string, address: string): Promise<void> {
    if (this.affinity(id, request) === address) return;
    await this.#store.write(id, {}, undefined, { [affinityKey(request)]: address });
  }

  /** Forgets the address of a request that has failed for certain, so that no address has an answer. */
  clearAffinity(id: string, request: string): void {
    if (this.affinity(id, request) === undefined) return;
    this.#store.note(id, {}, undefined, { [affinityKey(request)]: undefined });
  }

  /** Notes a failed attempt, and that the task waits for the next one. */
  attemptFailed(id: string, stage: string, failure: AttemptFailure): void {
    const { attempts, error, waitMs, page } = failure;
    const wire = toWire(error, String);
    const state = unlessCancelling(this.#store.latest(id).state, "retry_wait");
    this.#store.note(
      id,
      { state, failed_attempts: attempts, error: wire },
      { kind: "attempt_failed", stage, page, wait_ms: waitMs, error: brief(wire) as JsonObject },
    );
  }

  /** Notes that the next attempt begins. */
  resumed(id: string): void {
    const state = unlessCancelling(this.#store.latest(id).state, "running");
    this.#store.note(id, { state });
  }

  /** Notes the reply to a call, after `ms`. The outputs before it stay, for a retry. */
  async done(id: string, stage: string, output: JsonObject, ms: number): Promise<void> {
    await this.#store.write(
      id,
      { stage, failed_attempts: 0, error: null }, // `stage` again: a crash may have lost `started`
      { kind: "stage_done", stage, ms },
      { [outputKey(stage)]: output },
    );
  }

  /** Notes the call that has failed for good; `TaskLog.end` follows. */
  failed(id: string, stage: string): void {
    this.#store.note(id, { stage });
  }
}
