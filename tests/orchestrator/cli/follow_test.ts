import { assertEquals } from "@std/assert";
import type { JsonObject } from "../../../lib/json.ts";
import { eventText, follow } from "../../../orchestrator/cli/follow.ts";
import type { TaskEvent, TaskEventKind } from "../../../orchestrator/tasks/task.ts";

const AT = "2026-11-02T09:00:00.000Z";

function event(seq: number, kind: TaskEventKind, more: Partial<TaskEvent> = {}): TaskEvent {
  return { seq, at: AT, kind, ...more };
}

/** Answers with one prepared reply after the other, and records the bodies that are asked. */
function replies(...prepared: { state: string; last: number; events: TaskEvent[] }[]) {
  const asked: JsonObject[] = [];
  const askAgain = (_type: string, body: JsonObject): Promise<JsonObject> => {
    asked.push(body);
    return Promise.resolve(prepared.shift() as unknown as JsonObject);
  };
  return { asked, askAgain };
}

Deno.test("follow() passes on each event once and asks for those after the last one", async () => {
  const remote = replies(
    { state: "running", last: 2, events: [event(1, "submitted"), event(2, "started")] },
    { state: "running", last: 2, events: [] },
    { state: "done", last: 3, events: [event(3, "done")] },
  );
  const seen: number[] = [];
  const state = await follow(remote, "t1", 60_000, ({ seq }) => seen.push(seq));
  assertEquals([state, seen], ["done", [1, 2, 3]]);
  assertEquals(remote.asked.map(({ after }) => after), [0, 2, 2]);
});

Deno.test("follow() goes on after the end while a reply has left out events", async () => {
  const remote = replies(
    { state: "done", last: 3, events: [event(1, "submitted")] },
    { state: "done", last: 3, events: [event(2, "started"), event(3, "done")] },
  );
  const seen: number[] = [];
  await follow(remote, "t1", Infinity, ({ seq }) => seen.push(seq));
  assertEquals(seen, [1, 2, 3]);
});

Deno.test("follow() asks once without waiting if it has no time", async () => {
  const remote = replies({ state: "queued", last: 1, events: [event(1, "submitted")] });
  assertEquals(await follow(remote, "t1", 0, () => {}), "queued");
  assertEquals(remote.asked, [{ task: "t1", after: 0, wait_ms: 0 }]);
});

Deno.test("follow() waits at most 25 s in one request", async () => {
  const remote = replies({ state: "done", last: 1, events: [event(1, "done")] });
  await follow(remote, "t1", Infinity, () => {});
  assertEquals(remote.asked[0].wait_ms, 25_000);
});

Deno.test("eventText() shows what an event has, and makes it printable", () => {
  const error = { code: "busy", message: "no\nroom" };
  const texts: [TaskEvent, string][] = [
    [event(1, "submitted"), "submitted"],
    [event(1, "page_done", { page: 4, ms: 12 }), "page done  page 4  in 12 ms"],
    [event(1, "retried", { stage: "merge" }), "retried  from  merge"],
    [event(1, "retried"), "retried"],
    [
      event(1, "attempt_failed", { stage: "merge", error, wait_ms: 1_500 }),
      "attempt failed  merge  busy: no\\nroom  next try in 1.5 s",
    ],
  ];
  for (const [event, text] of texts) assertEquals(eventText(event), text);
});
