/**
 * What makes a reply fit its line, however much was noted of each task.
 *
 * @module
 */
import { LINE_BYTES_MAX } from "../lib/limits.ts";
import type { Task, TaskEvent } from "./task.ts";

/** Of an error in a list. With six bytes for each, 500 tasks take less than a line has. */
const LISTED_ERROR_CHARS_MAX = 200;
/** What stands around the events of a reply takes less than the rest of its line. */
const EVENTS_BYTES_MAX = LINE_BYTES_MAX - 64 * 1024;

/** A task as lists tell it: with the beginning of its error alone. */
export function listed(task: Task): Task {
  if (task.error === null) return task;
  const { details: _, ...error } = task.error;
  const message = error.message.slice(0, LISTED_ERROR_CHARS_MAX);
  return { ...task, error: { ...error, message } };
}

/** The first of the events, as many as fit; one always does. */
export function fitting(events: readonly TaskEvent[]): TaskEvent[] {
  const encoder = new TextEncoder();
  let bytes = 0;
  const over = events.findIndex((event) => {
    bytes += encoder.encode(JSON.stringify(event)).length + 1; // and a comma
    return bytes > EVENTS_BYTES_MAX;
  });
  return over < 0 ? [...events] : events.slice(0, over);
}
