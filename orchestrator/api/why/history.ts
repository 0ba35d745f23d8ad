/**
 * A task's events in words.
 *
 * @module
 */
import { duration } from "../../../lib/duration.ts";
import type { WireError } from "../../../lib/wire/protocol.ts";
import type { TaskEvent } from "../../tasks/task.ts";
import { failureText, type OpenFailure } from "./failures.ts";
import { ago, errorText, type TaskFacts } from "./task_facts.ts";

/**
 * Returns a line for each event, newest first. All finished pages share one line.
 *
 * @param open failures to leave out: the lines about what holds the task up report them
 */
export function history(
  facts: TaskFacts,
  events: readonly TaskEvent[],
  open: readonly OpenFailure[],
): string[] {
  const lastPage = events.findLast(({ kind }) => kind === "page_done");
  return events.toReversed()
    .filter((event) => !open.some((failure) => failure.event === event))
    .filter((event) => event.kind !== "page_done" || event === lastPage)
    .map((event) => eventText(facts, events, event))
    .filter((line) => line !== undefined);
}

function eventText(
  facts: TaskFacts,
  events: readonly TaskEvent[],
  event: TaskEvent,
): string | undefined {
  const { kind, stage, ms, error } = event;
  const when = ago(event, facts.now);
  switch (kind) {
    case "submitted":
      return `submitted ${when} ago`;
    case "retried":
      return `retried ${when} ago, ${
        stage === undefined ? "from the call that failed" : `from ${stage}`
      }`;
    case "started":
      return `started ${when} ago`;
    case "stage_started":
      return `${stage} began ${when} ago`;
    case "page_done":
      return pagesText(facts, when);
    case "stage_done":
      return `${stage} finished ${when} ago, after ${duration(ms ?? 0)}`;
    case "attempt_failed":
      return failureText(facts, events, event);
    case "cancelling":
      return `a client cancelled it ${when} ago`;
    case "done":
      return `done ${when} ago`;
    case "cancelled":
      return `cancelled ${when} ago`;
    case "dead": {
      const what = stage === undefined ? "" : `${stage} failed for good: `;
      return `dead: ${what}${errorText(error as WireError)}, ${when} ago`;
    }
  }
}

function pagesText({ task }: TaskFacts, when: string): string {
  const pages = task.pages === 1 ? "1 page is done" : `${task.pages} pages are done`;
  return `${pages}, the last ${when} ago`;
}
