/**
 * A task and its events, and the states that a task goes through.
 *
 * @module
 */
import type { JsonObject } from "../../lib/json.ts";
import type { WireError } from "../../lib/wire/protocol.ts";

/** All states of a task. */
export const STATES = [
  "queued",
  "running",
  "retry_wait",
  "cancelling",
  "done",
  "dead",
  "cancelled",
] as const;

/** A state of a task; `Task` tells what each means. */
export type State = typeof STATES[number];

/** The states that a task may go to from each state. */
const MOVES: Readonly<Record<State, readonly State[]>> = {
  queued: ["running", "cancelling", "cancelled"],
  running: ["running", "retry_wait", "cancelling", "done", "dead"],
  retry_wait: ["running", "retry_wait", "cancelling", "done", "dead"],
  cancelling: ["cancelling", "cancelled", "done", "dead"],
  done: [],
  dead: ["queued"], // only by a retry
  cancelled: ["queued"], // only by a retry
};

const FINAL: readonly State[] = ["done", "dead", "cancelled"];

/**
 * A task, as it stands in the log and as clients see it. Instants are in ISO 8601, for people.
 *
 * Its life: a task is `queued` until a slot is free, then `running`. While it waits for the next
 * attempt of a call it is in `retry_wait`. From a cancel until its calls have stopped it is
 * `cancelling`. It ends `done`, `dead` (a call has failed for good) or `cancelled`, and stays so; only
 * a client's retry makes a dead or cancelled task `queued` again.
 */
export type Task = {
  readonly task: string;
  readonly pipeline: string;
  readonly label: string;
  /** The idempotency key that the client chose. */
  readonly key: string | null;
  /** Digest of pipeline and input: the same key with another digest is a conflict. */
  readonly digest: string;
  readonly state: State;
  /** The name of the call that the task has reached. */
  readonly stage: string | null;
  /** Failed attempts of that call. */
  readonly failed_attempts: number;
  /** Pages that are done. */
  readonly pages: number;
  readonly submitted_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** Time that the task may take. */
  readonly deadline_ms: number;
  /** Time that it has taken while an orchestrator was up; a retry sets it to 0. */
  readonly spent_ms: number;
  /** Number of the last event. */
  readonly events: number;
  /** Why the task is dead, or else the last failure. */
  readonly error: WireError | null;
  /** One line about the result, if the result has a `headline`. */
  readonly headline: string | null;
};

/** What an event tells. `stage_started` and `stage_done` are about a call of the pipeline. */
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
  /** The name of the call. */
  readonly stage?: string;
  readonly page?: number;
  /** How long the call or the page has taken. */
  readonly ms?: number;
  /** Time until the next attempt. */
  readonly wait_ms?: number;
  /** A `WireError`, which is brief if an attempt has failed. */
  readonly error?: JsonObject;
};

/** Characters of a brief error's message: at six bytes a character, 500 brief errors fit a line. */
const BRIEF_CHARS_MAX = 200;

/** Returns the error without its details and with the beginning of its message, for lists. */
export function brief({ details: _, message, ...error }: WireError): WireError {
  return { ...error, message: message.slice(0, BRIEF_CHARS_MAX) };
}

/** Whether a task in this state has ended; only a retry takes it further. */
export function isFinal(state: State): boolean {
  return FINAL.includes(state);
}

/** Returns the state that a running task goes to: a task that is being cancelled stays `cancelling`. */
export function unlessCancelling(current: State, next: State): State {
  return current === "cancelling" ? current : next;
}

/** @throws {TypeError} if a task in state `from` can't go to `to`, which is a mistake in the caller */
export function assertMove(from: State, to: State): void {
  if (!MOVES[from].includes(to)) throw new TypeError(`Cannot move a task from ${from} to ${to}`);
}
