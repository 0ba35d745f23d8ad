import { assert, assertEquals } from "@std/assert";
import { LINE_BYTES_MAX } from "../../../lib/wire/limits.ts";
import { fitEvents } from "../../../orchestrator/api/fit_reply.ts";
import type { TaskEvent } from "../../../orchestrator/tasks/task.ts";

/** The limit counts a comma for each event; a list has one comma less, and two brackets. */
const LIST_BYTES_MAX = LINE_BYTES_MAX - 64 * 1024 + 1;

Deno.test("fitEvents() returns as many events as fit, counted in bytes with their commas", () => {
  for (const text of ["", "x".repeat(1_000), "漢".repeat(1_000), "\x00".repeat(1_000)]) {
    const event = { kind: "started", text } as unknown as TaskEvent;
    const events = Array<TaskEvent>(200_000).fill(event);
    const { length } = fitEvents(events);
    const bytes = (count: number): number =>
      new TextEncoder().encode(JSON.stringify(events.slice(0, count))).length;
    assert(length > 0 && bytes(length) <= LIST_BYTES_MAX, `${length} events`);
    assert(bytes(length + 1) > LIST_BYTES_MAX, `${length + 1} events fit too`);
    assertEquals(fitEvents(events.slice(0, length)).length, length);
  }
});
