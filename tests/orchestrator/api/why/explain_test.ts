import { assertEquals } from "@std/assert";
import { CodedError, type ErrorCode } from "../../../../lib/errors.ts";
import type { JsonObject } from "../../../../lib/json.ts";
import { toWire } from "../../../../lib/wire/protocol.ts";
import type { AgentState } from "../../../../orchestrator/run/agents.ts";
import type { Task, TaskEvent } from "../../../../orchestrator/tasks/task.ts";
import { explain } from "../../../../orchestrator/api/why/explain.ts";
import type { TaskFacts } from "../../../../orchestrator/api/why/task_facts.ts";
import { REPORT } from "../../task_harness.ts";

const NOW = Date.parse("2026-11-02T09:00:00.000Z");

function secondsAgo(seconds: number): string {
  return new Date(NOW - seconds * 1_000).toISOString();
}

/** Events with their numbers, each so many seconds ago. */
function happened(...all: [seconds: number, event: Omit<TaskEvent, "seq" | "at">][]): TaskEvent[] {
  return all.map(([seconds, event], at) => ({ seq: at + 1, at: secondsAgo(seconds), ...event }));
}

function error(code: ErrorCode, message = "no luck"): JsonObject {
  return toWire(new CodedError(code, message), String) as JsonObject;
}

function agent(name: string, up = true, paused: string | null = null): AgentState {
  const addresses = [1, 2].map((n) => ({
    address: `${name}-${n}:7101`,
    name: up ? `${name}-${n}` : null,
    up,
    in_flight: 0,
    answered_ms_ago: null,
    cooldown_ms: 0,
    error: up ? null : `Cannot connect to ${name}-${n}:7101: refused`,
  }));
  return { agent: name, paused, addresses, done: 0, failed: 0, last: null };
}

function known(task: Partial<Task>, more: Partial<TaskFacts> = {}): TaskFacts {
  return {
    task: {
      task: "t1",
      pipeline: "report",
      label: "",
      key: null,
      digest: "0",
      state: "running",
      stage: null,
      failed_attempts: 0,
      pages: 0,
      submitted_at: secondsAgo(60),
      started_at: null,
      ended_at: null,
      deadline_ms: 600_000,
      spent_ms: 0,
      events: 1,
      error: null,
      headline: null,
      ...task,
    },
    events: [],
    pipeline: REPORT,
    place: undefined,
    pipelinePaused: null,
    agents: [agent("collector"), agent("analyzer"), agent("reporter")],
    inFlight: [],
    now: NOW,
    ...more,
  };
}

const BEGUN = [
  [60, { kind: "submitted" }],
  [50, { kind: "started" }],
  [50, { kind: "stage_started", stage: "collect" }],
] as [number, Omit<TaskEvent, "seq" | "at">][];

const CAME = ["collect began 50.0 s ago", "its turn came 50.0 s ago", "submitted 1 min 00 s ago"];

const MERGING = [
  ...BEGUN,
  [45, { kind: "page_done", page: 0, ms: 4 }],
  [44, { kind: "page_done", page: 1, ms: 4 }],
  [43, { kind: "stage_started", stage: "analyze" }],
  [42, { kind: "stage_started", stage: "merge" }],
] as typeof BEGUN;

const MERGED = [
  "merge began 42.0 s ago",
  "analyze began 43.0 s ago",
  "2 pages are through, the last since 44.0 s",
  ...CAME,
];

Deno.test("explain() tells who is before a task that waits for its turn", () => {
  const events = happened([12, { kind: "submitted" }]);
  for (
    const [ahead, text] of [
      [0, "no tasks are ahead"],
      [1, "1 task is ahead"],
      [3, "3 tasks are ahead"],
    ] as const
  ) {
    const place = { ahead, running: 16, slots: 16 };
    assertEquals(explain(known({ state: "queued" }, { events, place })), [
      `waiting 12.0 s for its turn: 16 of 16 slots are taken, ${text}`,
      "submitted 12.0 s ago",
    ]);
  }
});

Deno.test("explain() of a task that waits for its turn again does not say since when", () => {
  const place = { ahead: 2, running: 1, slots: 1 };
  const lines = explain(
    known({ stage: "merge", pages: 2 }, { events: happened(...MERGING), place }),
  );
  assertEquals(lines, [
    "waiting for its turn: 1 of 1 slots are taken, 2 tasks are ahead",
    ...MERGED,
  ]);
});

Deno.test("explain() tells of a pipeline that is paused, but not where the task is to end", () => {
  const events = happened([12, { kind: "submitted" }]);
  const place = { ahead: 0, running: 0, slots: 16 };
  const pipelinePaused = secondsAgo(30);
  assertEquals(
    explain(known({ state: "queued" }, { events, place, pipelinePaused }))[0],
    [
      "waiting 12.0 s for its turn: pipeline report is paused since 2026-11-02T08:59:30.000Z, ",
      "for 30.0 s",
    ].join(""),
  );
  const ending = explain(known({ state: "cancelling" }, { events, place, pipelinePaused }));
  assertEquals(ending[0], "waiting for its turn: 0 of 16 slots are taken, no tasks are ahead");
});

Deno.test("explain() tells of an agent that is paused, as far as the task needs it now", () => {
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
    const lines = explain(known({ stage }, { agents, events: happened([1, { kind: "started" }]) }));
    assertEquals(lines, [...names.map(line), "its turn came 1.0 s ago"], `${stage}`);
  }
});

Deno.test("explain() tells that no address of an agent is up, and what each says", () => {
  const agents = [agent("collector"), agent("analyzer", false), agent("reporter", false)];
  const failure = { error: error("agent_unreachable", "Cannot reach any analyzer"), wait_ms: 150 };
  const events = happened(
    ...BEGUN,
    [8, { kind: "attempt_failed", stage: "analyze", page: 2, ...failure }],
  );
  assertEquals(explain(known({ state: "retry_wait", stage: "collect" }, { events, agents })), [
    "waiting for analyzer: none of its addresses is up (Cannot connect to analyzer-1:7101: refused; " +
    "Cannot connect to analyzer-2:7101: refused)",
    "analyze of page 2 has had to wait since 8.0 s: agent_unreachable: Cannot reach any analyzer; " +
    "it is asked again",
    ...CAME,
  ]);
});

Deno.test("explain() counts the attempts of a call and tells when the next one comes", () => {
  const failed = (seconds: number, page: number, code: ErrorCode = "handler_failed") =>
    [seconds, {
      kind: "attempt_failed",
      stage: "analyze",
      page,
      wait_ms: 5_000,
      error: error(code),
    }] as typeof BEGUN[number];
  const events = happened(
    ...BEGUN,
    failed(40, 0), // before a restart: it counts no more
    [30, { kind: "started" }],
    failed(20, 0),
    failed(15, 1),
    failed(12, 0, "busy"),
    failed(10, 2),
    [9, { kind: "page_done", page: 2, ms: 1 }],
    failed(3, 0, "deadline_exceeded"),
  );
  const lines = explain(known({ state: "retry_wait", stage: "collect", pages: 1 }, { events }));
  assertEquals(lines, [
    "attempt 2 of 4 of analyze of page 0 failed 3.0 s ago: deadline_exceeded: no luck; " +
    "next try in 2.0 s",
    "attempt 1 of 4 of analyze of page 1 failed 15.0 s ago: handler_failed: no luck",
    "1 page is through, the last since 9.0 s",
    "attempt 1 of 4 of analyze of page 2 failed 10.0 s ago: handler_failed: no luck",
    "analyze of page 0 has had to wait since 12.0 s: busy: no luck",
    "attempt 1 of 4 of analyze of page 0 failed 20.0 s ago: handler_failed: no luck",
    "its turn came 30.0 s ago",
    "attempt 1 of 4 of analyze of page 0 failed 40.0 s ago: handler_failed: no luck",
    ...CAME,
  ]);
});

Deno.test("explain() does not hold what a call has got over to be why the task waits now", () => {
  const failure = { wait_ms: 60_000, error: error("handler_failed") };
  const failed = [...MERGING, [9, { kind: "attempt_failed", stage: "merge", ...failure }]];
  const attempt = "attempt 1 of 4 of merge failed 9.0 s ago: handler_failed: no luck";
  for (
    const [event, line] of [
      [{ kind: "stage_done", stage: "merge", ms: 7 }, "merge was done 5.0 s ago, in 7 ms"],
      [{ kind: "started" }, "its turn came 5.0 s ago"],
    ] as const
  ) {
    const events = happened(...[...failed, [5, event]] as typeof BEGUN);
    const lines = explain(known({ stage: "merge", pages: 2 }, { events }));
    assertEquals(lines, [line, attempt, ...MERGED]);
  }
});

Deno.test("explain() tells with whom each call is, and of what failed before it no more than that", () => {
  const failure = { wait_ms: 100, error: error("handler_failed") };
  const events = happened(...MERGING, [3, { kind: "attempt_failed", stage: "merge", ...failure }]);
  const inFlight = [{ id: "t1.r2.merge", name: "analyzer-1", ms: 400 }];
  assertEquals(explain(known({ stage: "merge", pages: 2 }, { events, inFlight })), [
    "merge is with analyzer-1 for 400 ms",
    "attempt 1 of 4 of merge failed 3.0 s ago: handler_failed: no luck",
    ...MERGED,
  ]);
  const pages = [
    { id: "t1.collect.12", name: "collector-1", ms: 1_500 },
    { id: "t1.r3.analyze.11", name: "analyzer-2", ms: 20 },
  ];
  const lines = explain(
    known({ stage: "collect" }, { events: happened(...BEGUN), inFlight: pages }),
  );
  assertEquals(lines, [
    "collect of page 12 is with collector-1 for 1.5 s",
    "analyze of page 11 is with analyzer-2 for 20 ms",
    ...CAME,
  ]);
});

Deno.test("explain() begins with the end where a task has ended", () => {
  const ends: [Task["state"], Omit<TaskEvent, "seq" | "at">, string][] = [
    ["done", { kind: "done" }, "done 2.0 s ago"],
    ["cancelled", { kind: "cancelled" }, "cancelled 2.0 s ago"],
    [
      "dead",
      { kind: "dead", stage: "merge", error: error("handler_rejected") },
      "dead: merge failed for good: handler_rejected: no luck, 2.0 s ago",
    ],
    [
      "dead",
      { kind: "dead", error: error("unknown_pipeline") },
      "dead: unknown_pipeline: no luck, 2.0 s ago",
    ],
  ];
  for (const [state, event, line] of ends) {
    const agents = [agent("analyzer", false, secondsAgo(9))]; // is of no importance any more
    const events = happened(...MERGING, [2, event]);
    const lines = explain(known({ state, stage: "merge", pages: 2 }, { events, agents }));
    assertEquals(lines, [line, ...MERGED]);
  }
});

Deno.test("explain() begins at the last retry, with the end before it", () => {
  const events = happened(
    ...MERGING,
    [30, { kind: "dead", stage: "merge", error: error("handler_rejected") }],
    [20, { kind: "retried", stage: "collect" }],
    [10, { kind: "started" }],
  );
  assertEquals(explain(known({}, { events })), [
    "its turn came 10.0 s ago",
    "retried 20.0 s ago, from collect",
    "dead: merge failed for good: handler_rejected: no luck, 30.0 s ago",
  ]);
  const place = { ahead: 0, running: 2, slots: 2 };
  const plain = [...events.slice(0, -2), { seq: 9, at: secondsAgo(20), kind: "retried" } as const];
  assertEquals(explain(known({ state: "queued" }, { events: plain, place })).slice(0, 2), [
    "waiting 20.0 s for its turn: 2 of 2 slots are taken, no tasks are ahead",
    "retried 20.0 s ago, where it had failed",
  ]);
});

Deno.test("explain() tells of a cancel, and never more than a screen of what has been", () => {
  const events = happened(...MERGING, [1, { kind: "cancelling" }]);
  assertEquals(explain(known({ state: "cancelling", stage: "merge", pages: 2 }, { events })), [
    "its work is being stopped",
    "a client cancelled it 1.0 s ago",
    ...MERGED,
  ]);
  const many = happened(
    ...BEGUN,
    ...Array(400).fill([5, { kind: "stage_started", stage: "merge" }]) as typeof BEGUN,
  );
  assertEquals(explain(known({}, { events: many })).length, 20);
});

Deno.test("explain() knows nothing of a pipeline that is gone, and says what there is", () => {
  const failure = { kind: "attempt_failed", stage: "knit", error: error("busy") } as const;
  const events = happened(...BEGUN, [3, failure]);
  assertEquals(explain(known({ stage: "knit" }, { events, pipeline: undefined })), [
    "knit has had to wait since 3.0 s: busy: no luck",
    ...CAME,
  ]);
});
