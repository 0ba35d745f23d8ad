import { assertEquals } from "@std/assert";
import { openFailures } from "../../../../orchestrator/api/why/failures.ts";
import { obstacles } from "../../../../orchestrator/api/why/obstacles.ts";
import type { TaskFacts } from "../../../../orchestrator/api/why/task_facts.ts";
import {
  agent,
  attemptFailed,
  COLLECTING,
  errorOf,
  eventsOf,
  factsOf,
  MERGING,
  secondsAgo,
} from "./facts.ts";

function linesOf(facts: TaskFacts): string[] {
  return obstacles(facts, facts.events, openFailures(facts, facts.events));
}

Deno.test("obstacles() counts the tasks ahead of a queued one", () => {
  const events = eventsOf([12, { kind: "submitted" }]);
  for (
    const [ahead, text] of [
      [0, "no tasks are ahead"],
      [1, "1 task is ahead"],
      [3, "3 tasks are ahead"],
    ] as const
  ) {
    const place = { ahead, running: 16, slots: 16 };
    assertEquals(linesOf(factsOf({ state: "queued" }, { events, place })), [
      `waiting 12.0 s for its turn: 16 of 16 slots are taken, ${text}`,
    ]);
  }
});

Deno.test("obstacles() gives no time for a task that has run and waits for its turn again", () => {
  const place = { ahead: 2, running: 1, slots: 1 };
  const events = eventsOf(...MERGING);
  assertEquals(linesOf(factsOf({ stage: "merge", pages: 2 }, { events, place })), [
    "waiting for its turn: 1 of 1 slots are taken, 2 tasks are ahead",
  ]);
});

Deno.test("obstacles() reports a paused pipeline, unless the task is being cancelled", () => {
  const events = eventsOf([12, { kind: "submitted" }]);
  const place = { ahead: 0, running: 0, slots: 16 };
  const waiting = { events, place, pipelinePaused: secondsAgo(30) };
  assertEquals(linesOf(factsOf({ state: "queued" }, waiting)), [
    "waiting 12.0 s for its turn: pipeline report is paused since 2026-11-02T08:59:30.000Z, " +
    "for 30.0 s",
  ]);
  assertEquals(linesOf(factsOf({ state: "cancelling" }, waiting)), [
    "waiting for its turn: 0 of 16 slots are taken, no tasks are ahead",
  ]);
});

Deno.test("obstacles() reports the paused agents that the task's stage needs", () => {
  const agents = [
    agent("collector"),
    agent("analyzer", true, secondsAgo(5)),
    agent("reporter", true, secondsAgo(5)),
  ];
  const line = (name: string): string =>
    `waiting for ${name}: it is paused since 2026-11-02T08:59:55.000Z, for 5.0 s`;
  for (
    const [stage, names] of [
      [null, ["analyzer"]],
      ["collect", ["analyzer"]],
      ["merge", ["analyzer"]],
      ["report", ["reporter"]],
    ] as const
  ) {
    assertEquals(linesOf(factsOf({ stage }, { agents })), names.map(line), `${stage}`);
  }
});

Deno.test("obstacles() reports an agent without an address that is up, and each address's error", () => {
  const agents = [agent("collector"), agent("analyzer", false), agent("reporter", false)];
  const error = errorOf("agent_unreachable", "Cannot reach any analyzer");
  const failed = {
    kind: "attempt_failed",
    stage: "analyze",
    page: 2,
    error,
    wait_ms: 150,
  } as const;
  const events = eventsOf(...COLLECTING, [8, failed]);
  assertEquals(linesOf(factsOf({ state: "retry_wait", stage: "collect" }, { events, agents })), [
    "waiting for analyzer: none of its addresses is up (Cannot connect to analyzer-1:7101: refused; " +
    "Cannot connect to analyzer-2:7101: refused)",
    "analyze of page 2 has waited for its agent for 8.0 s: agent_unreachable: Cannot reach any analyzer; " +
    "tried again at any moment",
  ]);
});

Deno.test("obstacles() names the agent that works on each call", () => {
  const inFlight = [
    { id: "t1.collect.12", name: "collector-1", ms: 1_500 },
    { id: "t1.r3.analyze.11", name: "analyzer-2", ms: 20 },
  ];
  const events = eventsOf(...COLLECTING);
  assertEquals(linesOf(factsOf({ stage: "collect" }, { events, inFlight })), [
    "collector-1 has worked on collect of page 12 for 1.5 s",
    "analyzer-2 has worked on analyze of page 11 for 20 ms",
  ]);
});

Deno.test("obstacles() of a task that is being cancelled are its calls in flight", () => {
  const inFlight = [{ id: "t1.merge", name: "analyzer-1", ms: 400 }];
  const events = eventsOf(...MERGING, attemptFailed(2, "merge"), [1, { kind: "cancelling" }]);
  assertEquals(linesOf(factsOf({ state: "cancelling", stage: "merge" }, { events, inFlight })), [
    "its work is being stopped",
    "analyzer-1 has worked on merge for 400 ms",
  ]);
});
