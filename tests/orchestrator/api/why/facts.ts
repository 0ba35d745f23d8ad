/**
 * Facts about a task, for tests of `why`.
 *
 * @module
 */
import { CodedError, type ErrorCode } from "../../../../lib/errors.ts";
import type { JsonObject } from "../../../../lib/json.ts";
import { toWire } from "../../../../lib/wire/protocol.ts";
import type { TaskFacts } from "../../../../orchestrator/api/why/task_facts.ts";
import type { AgentState } from "../../../../orchestrator/run/agents.ts";
import type { Task, TaskEvent } from "../../../../orchestrator/tasks/task.ts";
import { REPORT } from "../../task_harness.ts";

const NOW = Date.parse("2026-11-02T09:00:00.000Z");

export type Happened = [seconds: number, event: Omit<TaskEvent, "seq" | "at">];

/** Returns an instant in ISO 8601. */
export function secondsAgo(seconds: number): string {
  return new Date(NOW - seconds * 1_000).toISOString();
}

/** Numbers events; each happened `seconds` ago. */
export function eventsOf(...happened: Happened[]): TaskEvent[] {
  return happened.map(([seconds, event], at) => ({
    seq: at + 1,
    at: secondsAgo(seconds),
    ...event,
  }));
}

/** Returns an error as an event has it. */
export function errorOf(code: ErrorCode, message = "no luck"): JsonObject {
  return toWire(new CodedError(code, message), String) as JsonObject;
}

/** An agent with two addresses. */
export function agent(name: string, up = true, paused: string | null = null): AgentState {
  const addresses = [1, 2].map((n) => ({
    address: `${name}-${n}:7101`,
    name: up ? `${name}-${n}` : null,
    up,
    in_flight: 0,
    answered_ms_ago: null,
    cooldown_ms: 0,
    error: up ? null : `Cannot connect to ${name}-${n}:7101: refused`,
  }));
  return { agent: name, paused, addresses, done: 0, failed: 0, last: null };
}

/** Facts about a running task that nothing holds up, but for what `task` and `more` say. */
export function factsOf(task: Partial<Task>, more: Partial<TaskFacts> = {}): TaskFacts {
  return {
    task: {
      task: "t1",
      pipeline: "report",
      label: "",
      key: null,
      digest: "0",
      state: "running",
      stage: null,
      failed_attempts: 0,
      pages: 0,
      submitted_at: secondsAgo(60),
      started_at: null,
      ended_at: null,
      deadline_ms: 600_000,
      spent_ms: 0,
      events: 1,
      error: null,
      headline: null,
      ...task,
    },
    events: [],
    pipeline: REPORT,
    place: undefined,
    pipelinePaused: null,
    agents: [agent("collector"), agent("analyzer"), agent("reporter")],
    inFlight: [],
    now: NOW,
    ...more,
  };
}

/** The events of a task whose first stage has begun. */
export const COLLECTING: Happened[] = [
  [60, { kind: "submitted" }],
  [50, { kind: "started" }],
  [50, { kind: "stage_started", stage: "collect" }],
];

/** The history of `COLLECTING`. */
export const COLLECTING_LINES = [
  "collect began 50.0 s ago",
  "started 50.0 s ago",
  "submitted 1 min 00 s ago",
];

/** The events of a task of two pages that has come to its merge. */
export const MERGING: Happened[] = [
  ...COLLECTING,
  [45, { kind: "page_done", page: 0, ms: 4 }],
  [44, { kind: "page_done", page: 1, ms: 4 }],
  [43, { kind: "stage_started", stage: "analyze" }],
  [42, { kind: "stage_started", stage: "merge" }],
];

/** The history of `MERGING`. */
export const MERGING_LINES = [
  "merge began 42.0 s ago",
  "analyze began 43.0 s ago",
  "2 pages are done, the last 44.0 s ago",
  ...COLLECTING_LINES,
];

/** An attempt that failed `seconds` ago. The next try follows 5 s later. */
export function attemptFailed(
  seconds: number,
  stage: string,
  page?: number,
  code: ErrorCode = "handler_failed",
): Happened {
  const where = page === undefined ? { stage } : { stage, page };
  return [seconds, { kind: "attempt_failed", ...where, wait_ms: 5_000, error: errorOf(code) }];
}
