/**
 * Explains in plain words why a task is where it is: what holds it up now, then how it came to that.
 * Pure: facts enter, lines leave.
 *
 * @module
 */
import { isFinal } from "../../tasks/task.ts";
import { openFailures } from "./failures.ts";
import { history } from "./history.ts";
import { obstacles } from "./obstacles.ts";
import type { TaskFacts } from "./task_facts.ts";

const HISTORY_LINES_MAX = 20;

/** Returns the explanation, newest first: what holds the task up now, then its history. */
export function explain(facts: TaskFacts): string[] {
  const { task, events } = facts;
  const start = events.findLastIndex(({ kind }) => kind === "submitted" || kind === "retried");
  const sinceQueued = events.slice(Math.max(0, start));
  // How the task ended before it was retried is part of why it runs.
  const past = events[start]?.kind === "retried"
    ? events.slice(Math.max(0, start - 1))
    : sinceQueued;
  const failures = isFinal(task.state) ? [] : openFailures(facts, sinceQueued);
  const now = isFinal(task.state) ? [] : obstacles(facts, sinceQueued, failures);
  return [...now, ...history(facts, past, failures).slice(0, HISTORY_LINES_MAX)];
}
