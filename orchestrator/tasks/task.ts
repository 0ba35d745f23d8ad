/**
 * A task's life: it is `queued` until a slot is free, `running` while agents work for it,
 * `retry_wait` while it waits for the next try, `cancelling` from a cancel until its work has
 * stopped. It ends `done`, `dead` (a stage failed for good) or `cancelled`, and stays as it is; but
 * a client may have one that is dead or cancelled tried again: then it is `queued` once more.
 *
 * @module
 */
import type { JsonObject } from "../../lib/json.ts";
import type { WireError } from "../../lib/wire/protocol.ts";

export const STATES = [
  "queued",
  "running",
  "retry_wait",
  "cancelling",
  "done",
  "dead",
  "cancelled",
] as const;
export type State = typeof STATES[number];

const MOVES: Readonly<Record<State, readonly State[]>> = {
  queued: ["running", "cancelling", "cancelled"],
  running: ["running", "retry_wait", "cancelling", "done", "dead"],
  retry_wait: ["running", "retry_wait", "cancelling", "done", "dead"],
  cancelling: ["cancelling", "cancelled", "done", "dead"],
  done: [],
  dead: ["queued"], // by a retry alone, and so is the next one
  cancelled: ["queued"],
};

const FINAL: readonly State[] = ["done", "dead", "cancelled"];

/** A task as it stands in the log and is told to clients; instants are ISO 8601, for people. */
export type Task = {
  readonly task: string;
  readonly pipeline: string;
  readonly label: string;
  readonly key: string | null;
  /** Digest of pipeline and input: another one under the same key is a conflict. */
  readonly digest: string;
  readonly state: State;
  /** The call that it stands at. */
  readonly stage: string | null;
  /** Tries of that call that have failed. */
  readonly failed_attempts: number;
  /** Pages that are through. */
  readonly pages: number;
  readonly submitted_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** All the time that it may take, and what it has taken while an orchestrator was up; both begin
   * anew with a retry. */
  readonly deadline_ms: number;
  readonly spent_ms: number;
  /** Number of its last event. */
  readonly events: number;
  /** Why it is dead, or what went wrong last. */
  readonly error: WireError | null;
  /** One line about its result, where the result has a `headline`. */
  readonly headline: string | null;
};

export type TaskEventKind =
  | "submitted"
  | "started"
  | "stage_started"
  | "attempt_failed"
  | "page_done"
  | "stage_done"
  | "cancelling"
  | "done"
  | "dead"
  | "cancelled"
  | "retried";

/** Something that happened to a task. `seq` counts from 1 without a gap. */
export type TaskEvent = {
  readonly seq: number;
  readonly at: string;
  readonly kind: TaskEventKind;
  readonly stage?: string;
  readonly page?: number;
  readonly ms?: number;
  readonly wait_ms?: number;
  readonly error?: JsonObject;
};

/** Of an error where many are kept or told. With six bytes for each, 500 of them fit a line. */
const BRIEF_CHARS_MAX = 200;

/** The beginning of an error's message, and no details. */
export function brief({ details: _, message, ...error }: WireError): WireError {
  return { ...error, message: message.slice(0, BRIEF_CHARS_MAX) };
}

/** Whether a task in this state goes on by itself no more. */
export function isFinal(state: State): boolean {
  return FINAL.includes(state);
}

/** @throws {TypeError} where a task in state `from` can't come to `to`: a mistake in the caller */
export function assertMove(from: State, to: State): void {
  if (!MOVES[from].includes(to)) throw new TypeError(`Cannot move a task from ${from} to ${to}`);
}
