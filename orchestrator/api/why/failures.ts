/**
 * Failed attempts of a task's calls: which of them still hold the task up, and each in words.
 *
 * @module
 */
import { duration } from "../../../lib/duration.ts";
import type { WireError } from "../../../lib/wire/protocol.ts";
import type { Call } from "../../run/pipelines.ts";
import { AWAY } from "../../run/attempt.ts";
import type { TaskEvent } from "../../tasks/task.ts";
import { ago, callsOfTask, callText, errorText, type TaskFacts } from "./task_facts.ts";

/** A failed attempt that its call has not recovered from. */
export interface OpenFailure {
  readonly event: TaskEvent;
  readonly call: Call;
  /** The agent could not be asked, so this counts as waiting and not as an attempt. */
  readonly isAway: boolean;
}

/** Returns the latest failure of each call and page that has neither succeeded nor been tried since. */
export function openFailures(facts: TaskFacts, events: readonly TaskEvent[]): OpenFailure[] {
  return unresolved(events).flatMap((event) => {
    const call = callsOfTask(facts).find(({ name }) => name === event.stage);
    const isInFlight = facts.inFlight.some(({ id }) => id.endsWith(requestSuffix(event)));
    if (call === undefined || isInFlight) return [];
    return [{ event, call, isAway: AWAY.has(codeOf(event)) }];
  });
}

function unresolved(events: readonly TaskEvent[]): TaskEvent[] {
  const open = new Map<string, TaskEvent>();
  for (const event of events) {
    const { kind, page } = event;
    if (kind === "attempt_failed") open.set(requestSuffix(event), event);
    else if (kind === "started" || kind === "stage_done") open.clear();
    else if (kind === "page_done") { // then every call of the page has succeeded
      for (const [call, failed] of open) if (failed.page === page) open.delete(call);
    }
  }
  return [...open.values()];
}

/** Returns `attempt 2 of 4 of analyze failed 3.0 s ago: handler_failed: …; next try in 2.1 s`. */
export function openFailureText(
  facts: TaskFacts,
  events: readonly TaskEvent[],
  { event, isAway }: OpenFailure,
): string {
  const remainingMs = Date.parse(event.at) + (event.wait_ms ?? 0) - facts.now;
  // While an agent is away only its first refusal is recorded, so the time of the next try is unknown.
  const next = remainingMs > 0
    ? `; next try in ${duration(remainingMs)}`
    : isAway
    ? "; tried again at any moment"
    : "";
  return failureText(facts, events, event) + next;
}

/**
 * Returns `attempt 2 of 4 of analyze failed 3.0 s ago: handler_failed: …`.
 *
 * @param events includes `event`; attempts are counted in it
 */
export function failureText(
  facts: TaskFacts,
  events: readonly TaskEvent[],
  event: TaskEvent,
): string {
  const { stage, page } = event;
  const what = callText(stage!, page);
  const when = ago(event, facts.now);
  const error = errorText(event.error as WireError);
  if (AWAY.has(codeOf(event))) return `${what} has waited for its agent for ${when}: ${error}`;
  const max = callsOfTask(facts).find(({ name }) => name === stage)?.attempts;
  const attempt = `attempt ${attemptNumber(events, event)}${max === undefined ? "" : ` of ${max}`}`;
  return `${attempt} of ${what} failed ${when} ago: ${error}`;
}

/** Attempts are counted from the task's latest start. */
function attemptNumber(events: readonly TaskEvent[], event: TaskEvent): number {
  const before = events.slice(0, events.indexOf(event) + 1);
  const sinceStart = before.slice(before.findLastIndex(({ kind }) => kind === "started") + 1);
  return sinceStart.filter((other) =>
    other.kind === "attempt_failed" && other.stage === event.stage && other.page === event.page &&
    !AWAY.has(codeOf(other))
  ).length;
}

function codeOf(event: TaskEvent): WireError["code"] {
  return (event.error as WireError).code;
}

/** How the request ids of the call end: `.merge`, or `.analyze.4` for a page. */
function requestSuffix({ stage, page }: TaskEvent): string {
  return page === undefined ? `.${stage}` : `.${stage}.${page}`;
}
