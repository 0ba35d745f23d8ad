import { assertEquals } from "@std/assert";
import { openFailures } from "../../../../orchestrator/api/why/failures.ts";
import { history } from "../../../../orchestrator/api/why/history.ts";
import type { TaskEvent } from "../../../../orchestrator/tasks/task.ts";
import {
  attemptFailed,
  COLLECTING,
  COLLECTING_LINES,
  errorOf,
  eventsOf,
  factsOf,
  MERGING,
  MERGING_LINES,
} from "./facts.ts";

Deno.test("history() has a line for each event, newest first, and one for all pages", () => {
  const events = eventsOf(...MERGING, [5, { kind: "stage_done", stage: "merge", ms: 7 }]);
  assertEquals(history(factsOf({ pages: 2 }), events, []), [
    "merge finished 5.0 s ago, after 7 ms",
    ...MERGING_LINES,
  ]);
  const onePage = eventsOf(...COLLECTING, [9, { kind: "page_done", page: 0, ms: 1 }]);
  assertEquals(history(factsOf({ pages: 1 }), onePage, []), [
    "1 page is done, the last 9.0 s ago",
    ...COLLECTING_LINES,
  ]);
});

Deno.test("history() has a line for each way in which a task ends or is queued again", () => {
  const dead = { kind: "dead", error: errorOf("handler_rejected") } as const;
  const lines: [Omit<TaskEvent, "seq" | "at">, string][] = [
    [{ kind: "done" }, "done 2.0 s ago"],
    [{ kind: "cancelling" }, "a client cancelled it 2.0 s ago"],
    [{ kind: "cancelled" }, "cancelled 2.0 s ago"],
    [
      { ...dead, stage: "merge" },
      "dead: merge failed for good: handler_rejected: no luck, 2.0 s ago",
    ],
    [dead, "dead: handler_rejected: no luck, 2.0 s ago"],
    [{ kind: "retried", stage: "collect" }, "retried 2.0 s ago, from collect"],
    [{ kind: "retried" }, "retried 2.0 s ago, from the call that failed"],
  ];
  for (const [event, line] of lines) {
    assertEquals(history(factsOf({}), eventsOf([2, event]), []), [line]);
  }
});

Deno.test("history() leaves out the failures that hold the task up, and no others", () => {
  const events = eventsOf(...COLLECTING, attemptFailed(9, "collect"), attemptFailed(3, "collect"));
  const facts = factsOf({ stage: "collect" }, { events });
  assertEquals(history(facts, events, openFailures(facts, events)), [
    "attempt 1 of 4 of collect failed 9.0 s ago: handler_failed: no luck",
    ...COLLECTING_LINES,
  ]);
});
