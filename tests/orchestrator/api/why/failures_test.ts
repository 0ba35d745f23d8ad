import { assertEquals } from "@std/assert";
import {
  failureText,
  openFailures,
  openFailureText,
} from "../../../../orchestrator/api/why/failures.ts";
import type { TaskFacts } from "../../../../orchestrator/api/why/task_facts.ts";
import { attemptFailed, COLLECTING, eventsOf, factsOf, type Happened, MERGING } from "./facts.ts";

function openTexts(facts: TaskFacts): string[] {
  const { events } = facts;
  return openFailures(facts, events).map((failure) => openFailureText(facts, events, failure));
}

Deno.test("openFailures() are the latest of each call and page that has not succeeded since", () => {
  const events = eventsOf(
    ...COLLECTING,
    attemptFailed(20, "analyze", 0),
    attemptFailed(15, "analyze", 1),
    attemptFailed(10, "analyze", 2),
    [9, { kind: "page_done", page: 2, ms: 1 }],
    attemptFailed(3, "analyze", 0),
  );
  assertEquals(openTexts(factsOf({ state: "retry_wait", stage: "collect" }, { events })), [
    "attempt 2 of 4 of analyze of page 0 failed 3.0 s ago: handler_failed: no luck; " +
    "next try in 2.0 s",
    "attempt 1 of 4 of analyze of page 1 failed 15.0 s ago: handler_failed: no luck",
  ]);
});

Deno.test("openFailures() end with the call's success and with a restart", () => {
  for (const event of [{ kind: "stage_done", stage: "merge" }, { kind: "started" }] as const) {
    const events = eventsOf(...MERGING, attemptFailed(9, "merge"), [5, event]);
    assertEquals(openFailures(factsOf({ stage: "merge" }, { events }), events), [], event.kind);
  }
});

Deno.test("openFailures() leave out a call that is in flight again", () => {
  const events = eventsOf(...MERGING, attemptFailed(3, "merge"));
  const inFlight = [{ id: "t1.r2.merge", name: "analyzer-1", ms: 400 }];
  assertEquals(openFailures(factsOf({ stage: "merge" }, { events, inFlight }), events), []);
});

Deno.test("openFailures() leave out the calls of a pipeline that no longer exists", () => {
  const events = eventsOf(...COLLECTING, attemptFailed(3, "knit"));
  assertEquals(
    openFailures(factsOf({ stage: "knit" }, { events, pipeline: undefined }), events),
    [],
  );
});

Deno.test("openFailureText() names no time for the next try while an agent is away", () => {
  const events = eventsOf(...COLLECTING, attemptFailed(8, "collect", 0, "busy"));
  assertEquals(openTexts(factsOf({ state: "retry_wait", stage: "collect" }, { events })), [
    "collect of page 0 has waited for its agent for 8.0 s: busy: no luck; tried again at any moment",
  ]);
});

Deno.test("failureText() counts attempts since the last start, and no refusals", () => {
  const happened: Happened[] = [
    ...COLLECTING,
    attemptFailed(40, "analyze", 0),
    [30, { kind: "started" }],
    attemptFailed(20, "analyze", 0),
    attemptFailed(15, "analyze", 1),
    attemptFailed(12, "analyze", 0, "busy"),
    attemptFailed(3, "analyze", 0, "deadline_exceeded"),
  ];
  const events = eventsOf(...happened);
  const facts = factsOf({}, { events });
  const failures = events.filter(({ kind }) => kind === "attempt_failed");
  assertEquals(failures.map((event) => failureText(facts, events, event)), [
    "attempt 1 of 4 of analyze of page 0 failed 40.0 s ago: handler_failed: no luck",
    "attempt 1 of 4 of analyze of page 0 failed 20.0 s ago: handler_failed: no luck",
    "attempt 1 of 4 of analyze of page 1 failed 15.0 s ago: handler_failed: no luck",
    "analyze of page 0 has waited for its agent for 12.0 s: busy: no luck",
    "attempt 2 of 4 of analyze of page 0 failed 3.0 s ago: deadline_exceeded: no luck",
  ]);
});

Deno.test("failureText() leaves out the number of attempts if the pipeline no longer exists", () => {
  const events = eventsOf(...COLLECTING, attemptFailed(3, "knit"));
  assertEquals(
    failureText(factsOf({}, { events, pipeline: undefined }), events, events.at(-1)!),
    "attempt 1 of knit failed 3.0 s ago: handler_failed: no luck",
  );
});
