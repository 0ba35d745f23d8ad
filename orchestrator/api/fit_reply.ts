/**
 * Makes a reply fit its line, however much is recorded of each task.
 *
 * @module
 */
import { LINE_BYTES_MAX } from "../../lib/wire/limits.ts";
import { brief, type Task, type TaskEvent } from "../tasks/task.ts";

/** Leaves 64 KiB of the line for what surrounds the events. */
const EVENTS_BYTES_MAX = LINE_BYTES_MAX - 64 * 1024;

/** Returns the task with its error shortened, so that a list of 500 tasks fits a line. */
export function withBriefError(task: Task): Task {
  return task.error === null ? task : { ...task, error: brief(task.error) };
}

/** Returns the longest run of events, from the first, that fits a line. One event always fits. */
export function fitEvents(events: readonly TaskEvent[]): TaskEvent[] {
  const encoder = new TextEncoder();
  let bytes = 0;
  const end = events.findIndex((event) => {
    bytes += encoder.encode(JSON.stringify(event)).length + 1; // and a comma
    return bytes > EVENTS_BYTES_MAX;
  });
  return end < 0 ? [...events] : events.slice(0, end);
}
