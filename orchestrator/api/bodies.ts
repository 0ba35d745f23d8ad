/**
 * What the body of each request type looks like. Unknown keys are rejected, so that a misspelled key
 * is noticed.
 *
 * @module
 */
import { z } from "zod";
import { AnyObject, TaskId, TIMEOUT_MS_MAX } from "../../lib/wire/protocol.ts";
import { STATES } from "../tasks/task.ts";

/** The longest that a request may wait for its task: ten minutes. */
export const WAIT_MS_MAX = 600_000;
/** A task's deadline if `submit` names none: ten minutes. */
const DEADLINE_MS = 600_000;
/** With errors shortened, this many tasks fit one line. */
const LIST_MAX = 500;

const WaitMs = z.int().nonnegative().max(WAIT_MS_MAX).default(0);

/** The body of `submit`. */
export const SubmitBody = z.strictObject({
  pipeline: z.string().max(64).default("report"),
  input: AnyObject,
  /** Names the task for people. */
  label: z.string().max(200).default(""),
  /** Idempotency key: the same key returns the same task for as long as that task is kept. */
  key: z.string().min(1).max(256).optional(),
  deadline_ms: z.int().positive().max(TIMEOUT_MS_MAX).default(DEADLINE_MS),
  /** How long the reply may wait for the task's end. */
  wait_ms: WaitMs,
});

/** The body of `get`, `cancel` and `why`. */
export const TaskBody = z.strictObject({ task: TaskId });

/** The body of `result`. */
export const ResultBody = z.strictObject({
  task: TaskId,
  /** How long the reply may wait for the task's end. */
  wait_ms: WaitMs,
});

/** The body of `events`. */
export const EventsBody = z.strictObject({
  task: TaskId,
  /** Events up to this number are left out. */
  after: z.int().nonnegative().default(0),
  /** How long the reply may wait for a further event. */
  wait_ms: WaitMs,
});

/** The body of `retry`. */
export const RetryBody = z.strictObject({
  task: TaskId,
  /** The call to begin with, even if it has succeeded. */
  from: z.string().max(64).optional(),
  /** The number of the task's last event. It makes the request safe to repeat. */
  events: z.int().nonnegative().optional(),
});

/** The body of `list`. */
export const ListBody = z.strictObject({
  /** By default tasks in any state. */
  states: z.array(z.enum(STATES)).max(STATES.length).optional(),
  limit: z.int().positive().max(LIST_MAX).default(50),
});

/** The body of `pause` and `resume`: exactly one of the two keys. */
export const PauseBody = z.strictObject({
  agent: z.string().max(64).optional(),
  pipeline: z.string().max(64).optional(),
}).refine(
  ({ agent, pipeline }) => (agent === undefined) !== (pipeline === undefined),
  "name an agent or a pipeline, and not both",
);

/** The body of `stats`, `agents` and `pipelines`. */
export const EmptyBody = z.strictObject({});
