/**
 * What is known about a task when `why` explains it, and the words that its sentences share.
 *
 * @module
 */
import type { InFlight } from "../../../lib/client/link.ts";
import { duration } from "../../../lib/duration.ts";
import type { WireError } from "../../../lib/wire/protocol.ts";
import type { AgentState } from "../../run/agents.ts";
import { type Call, callsOf, type Pipeline } from "../../run/pipelines.ts";
import type { QueuePosition } from "../../run/scheduler.ts";
import type { Task, TaskEvent } from "../../tasks/task.ts";

/** A snapshot of everything that can hold a task up. */
export interface TaskFacts {
  readonly task: Task;
  /** Oldest first. */
  readonly events: readonly TaskEvent[];
  /** `undefined` if the task's pipeline no longer exists. */
  readonly pipeline: Pipeline | undefined;
  /** The task's place in the queue; `undefined` if it is not queued. */
  readonly place: QueuePosition | undefined;
  /** When the task's pipeline was paused, in ISO 8601; `null` if it is not paused. */
  readonly pipelinePaused: string | null;
  readonly agents: readonly AgentState[];
  /** The task's calls that an agent is working on. */
  readonly inFlight: readonly InFlight[];
  /** Wall-clock time, in milliseconds. */
  readonly now: number;
}

/** Returns the calls of the task's pipeline, in order; none if the pipeline no longer exists. */
export function callsOfTask({ pipeline }: TaskFacts): Call[] {
  return pipeline === undefined ? [] : callsOf(pipeline);
}

/** Returns how long ago something happened, as `3.0 s`; the caller adds the word "ago". */
export function ago({ at }: { at: string }, now: number): string {
  return duration(Math.max(0, now - Date.parse(at)));
}

/** Returns `merge`, or `analyze of page 4`. */
export function callText(name: string, page: string | number | undefined): string {
  return page === undefined ? name : `${name} of page ${page}`;
}

/** Returns `handler_failed: Cannot merge this`. */
export function errorText({ code, message }: WireError): string {
  return `${code}: ${message}`;
}
