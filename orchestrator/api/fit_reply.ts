/**
 * What makes a reply fit its line, however much was noted of each task.
 *
 * @module
 */
import { LINE_BYTES_MAX } from "../../lib/wire/limits.ts";
import { brief, type Task, type TaskEvent } from "../tasks/task.ts";

/** What stands around the events of a reply takes less than the rest of its line. */
const EVENTS_BYTES_MAX = LINE_BYTES_MAX - 64 * 1024;

/** A task as lists tell it: with the beginning of its error alone. */
export function listed(task: Task): Task {
  return task.error === null ? task : { ...task, error: brief(task.error) };
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
