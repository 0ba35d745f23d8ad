import { assertEquals } from "@std/assert";
import { explain } from "../../../../orchestrator/api/why/explain.ts";
import {
  agent,
  attemptFailed,
  COLLECTING,
  errorOf,
  eventsOf,
  factsOf,
  type Happened,
  MERGING,
  MERGING_LINES,
  secondsAgo,
} from "./facts.ts";

Deno.test("explain() tells what holds a task up now, then its history", () => {
  const events = eventsOf(...MERGING, attemptFailed(3, "merge"));
  const facts = factsOf({ state: "retry_wait", stage: "merge", pages: 2 }, { events });
  assertEquals(explain(facts), [
    "attempt 1 of 4 of merge failed 3.0 s ago: handler_failed: no luck; next try in 2.0 s",
    ...MERGING_LINES,
  ]);
});

Deno.test("explain() moves a failure to the history once the call is tried again", () => {
  const events = eventsOf(...MERGING, attemptFailed(3, "merge"));
  const inFlight = [{ id: "t1.r2.merge", name: "analyzer-1", ms: 400 }];
  assertEquals(explain(factsOf({ stage: "merge", pages: 2 }, { events, inFlight })), [
    "analyzer-1 has worked on merge for 400 ms",
    "attempt 1 of 4 of merge failed 3.0 s ago: handler_failed: no luck",
    ...MERGING_LINES,
  ]);
});

Deno.test("explain() tells nothing but the history of a task that has ended", () => {
  const agents = [agent("analyzer", false, secondsAgo(9))];
  const events = eventsOf(...MERGING, attemptFailed(3, "merge"), [2, { kind: "cancelled" }]);
  const facts = factsOf({ state: "cancelled", stage: "merge", pages: 2 }, { events, agents });
  assertEquals(explain(facts), [
    "cancelled 2.0 s ago",
    "attempt 1 of 4 of merge failed 3.0 s ago: handler_failed: no luck",
    ...MERGING_LINES,
  ]);
});

Deno.test("explain() begins at the last retry, with the end before it", () => {
  const end: Happened = [30, {
    kind: "dead",
    stage: "merge",
    error: errorOf("handler_rejected"),
  }];
  const events = eventsOf(...MERGING, end, [20, { kind: "retried" }], [10, { kind: "started" }]);
  assertEquals(explain(factsOf({}, { events })), [
    "started 10.0 s ago",
    "retried 20.0 s ago, from the call that failed",
    "dead: merge failed for good: handler_rejected: no luck, 30.0 s ago",
  ]);
});

Deno.test("explain() measures the wait of a retried task from its retry", () => {
  const events = eventsOf(...MERGING, [30, { kind: "cancelled" }], [20, { kind: "retried" }]);
  const place = { ahead: 0, running: 2, slots: 2 };
  assertEquals(
    explain(factsOf({ state: "queued" }, { events, place }))[0],
    "waiting 20.0 s for its turn: 2 of 2 slots are taken, no tasks are ahead",
  );
});

Deno.test("explain() cuts the history to 20 lines", () => {
  const begun: Happened = [5, { kind: "stage_started", stage: "merge" }];
  const events = eventsOf(...COLLECTING, ...Array<Happened>(400).fill(begun));
  assertEquals(explain(factsOf({}, { events })).length, 20);
});
