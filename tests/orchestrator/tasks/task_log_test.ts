import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { estimateBytes } from "../../../lib/json_size.ts";
import { partKey } from "../../../orchestrator/tasks/task_keys.ts";
import type { TaskLog } from "../../../orchestrator/tasks/task_log.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { within } from "../../harness/waiting.ts";
import { fullDisk, newTask, openLog, plain, startTask, StillClock } from "../task_harness.ts";

const FAILED = new CodedError("handler_failed", "Cannot analyze: no luck");
/** The keys of the two pages' parts. */
const PARTS = [0, 1].map((page) => partKey("analyze", page));

/** All that a client or a later call can read of a task. */
function readAll(log: TaskLog, id: string) {
  const { spent_ms: _, ...task } = log.get(id)!;
  return plain({
    task,
    events: log.events(id, 0),
    pages: [0, 1, 2].map((page) => log.pages.get(id, page) ?? null),
    last: log.pages.last(id) ?? null,
    combination: log.pages.combination(id) ?? null,
    parts: log.pages.parts(id),
    merge: log.calls.output(id, "merge") ?? null,
    report: log.calls.output(id, "report") ?? null,
  });
}

/** The steps of a task with two pages, in order. */
const STEPS: [name: string, step: (log: TaskLog, id: string) => Promise<void> | void][] = [
  ["started", (log, id) => log.started(id)],
  ["collect started", (log, id) => log.calls.started(id, "collect")],
  ["page 0 collected", (log, id) => log.pages.collected(id, 0, { at: 1 })],
  [
    "page 0 failed",
    (log, id) =>
      log.calls.attemptFailed(id, "analyze", { attempts: 1, error: FAILED, waitMs: 200, page: 0 }),
  ],
  ["resumed", (log, id) => log.calls.resumed(id)],
  ["page 1 collected", (log, id) => log.pages.collected(id, 1, null)],
  ["page 1 done", (log, id) => log.pages.done(id, 1, "analyze", { seen: [1] }, 5)],
  ["page 0 done", (log, id) => log.pages.done(id, 0, "analyze", { seen: [0] }, 7)],
  [
    "combining",
    (log, id) => log.pages.combining(id, { parts: PARTS, page: 1 }),
  ],
  [
    "combined",
    (log, id) => log.pages.combined(id, "combine", { seen: [0, 1] }),
  ],
  ["merge started", (log, id) => log.calls.started(id, "merge")],
  ["merge done", (log, id) => log.calls.done(id, "merge", { stream: "shop" }, 3)],
  ["report started", (log, id) => log.calls.started(id, "report")],
  ["report done", (log, id) => log.calls.done(id, "report", { headline: "well" }, 4)],
  ["end", (log, id) => log.end(id, "done", { headline: "well" })],
];

Deno.test("create() shows a task only after it is on disk", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  using disk = new FaultyDisk();
  const release = disk.hold("sync");
  const synced = disk.next("sync");
  let durable = false;
  const created = log.create(newTask({ key: "k" })).then((task) => {
    assert(durable);
    return task;
  });
  const byKey = log.byKey("k")!.then((task) => {
    assert(durable);
    return task;
  });
  await synced;
  assertEquals([...log.tasks()], []);
  durable = true;
  release();
  const { task } = await created;
  assertEquals((await byKey).task, task);
  assertEquals([...log.tasks()].map(({ task }) => task), [task]);
  assertEquals(log.get(task)!.state, "queued");
});

Deno.test("get() and events() show a step only after it is on disk", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const { task } = await log.create(newTask());
  using disk = new FaultyDisk();
  const release = disk.hold("sync");
  const synced = disk.next("sync");
  const started = log.started(task);
  const changed = log.changed(task);
  await synced;
  assertEquals(log.get(task)!.state, "queued");
  assertEquals(log.events(task, 0).map(({ kind }) => kind), ["submitted"]);
  release();
  await within(changed, "the change");
  assertEquals(log.events(task, 1).map(({ kind }) => kind), ["started"]);
  await started;
  assertEquals(log.get(task)!.state, "running");
});

Deno.test("create() that fails leaves no task, and its key free for another task", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  {
    using _ = fullDisk();
    const created = assertRejects(() => log.create(newTask({ key: "k" })), CodedError, "No space");
    const joined = assertRejects(() => log.byKey("k")!, CodedError, "No space");
    await Promise.all([created, joined]);
  }
  assertEquals([...log.tasks()], []);
  assertEquals(log.byKey("k"), undefined);
  const { task } = await log.create(newTask({ key: "k" }));
  assertEquals((await log.byKey("k"))!.task, task);
  assertEquals(log.events(task, 0).map(({ seq }) => seq), [1]);
});

Deno.test("TaskLog has every step of a task after a restart, with events numbered without a gap", async (t) => {
  await using folder = await TempFolder.make();
  let open = await openLog(folder.path);
  try {
    const { task } = await open.log.create(newTask({ key: "k", input: { sources: [1] } }));
    for (const [name, step] of STEPS) {
      await t.step(name, async () => {
        await Promise.all([open.log.changed(task), step(open.log, task)]);
        const before = readAll(open.log, task);
        assertEquals(before.events.map(({ seq }) => seq), before.events.map((_, at) => at + 1));
        assertEquals(before.events.length, before.task.events);
        assertEquals(before.combination !== null, name === "combining");
        await open[Symbol.asyncDispose]();
        open = await openLog(folder.path);
        assertEquals(readAll(open.log, task), before);
        assertEquals((await open.log.byKey("k"))!.task, task);
      });
    }
    assertEquals(open.log.events(task, 0).map(({ kind }) => kind), [
      ...["submitted", "started", "stage_started", "attempt_failed", "page_done", "page_done"],
      ...["stage_started", "stage_done", "stage_started", "stage_done", "done"],
    ]);
    assertEquals(open.log.events(task, 9).map(({ seq }) => seq), [10, 11]);
    assertEquals(open.log.events(task, 11), []);
  } finally {
    await open[Symbol.asyncDispose]();
  }
});

Deno.test("end() keeps the result of a task that is done, and of a dead task what a retry needs", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log, memory } = open;
  const kindsIn = (id: string): string[] =>
    [...memory.entries(`of/${id}/`)].map(([key]) => key.split("/")[2])
      .filter((what) => what !== "event");
  const { task } = await log.create(newTask());
  for (const [, step] of STEPS) await step(log, task);
  assertEquals(kindsIn(task), ["output"]);
  assertEquals(log.calls.output(task, "report"), { headline: "well" });
  const { task: dead } = await log.create(newTask());
  for (const [, step] of STEPS.slice(0, 9)) await step(log, dead);
  const before = kindsIn(dead);
  await log.end(dead, "dead", { error: FAILED });
  assertEquals(kindsIn(dead), before);
  assertEquals(log.get(dead)!.error!.code, "handler_failed");
});

// The simulation found it: a result was gone.
Deno.test("end() keeps the result even if the start of its call was not noted", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const task = await startTask(log);
  await log.calls.done(task, "merge", { seen: [] }, 5);
  await log.calls.done(task, "report", { headline: "one" }, 5);
  await log.end(task, "done");
  assertEquals([log.calls.output(task, "merge"), log.calls.output(task, "report")], [undefined, {
    headline: "one",
  }]);
});

Deno.test("end() drops the oldest tasks beyond the limit on tasks, and their keys", async () => {
  await using folder = await TempFolder.make();
  const retention = { ageMs: 3_600_000, tasks: 2, workBytes: 1_000 };
  const ids: string[] = [];
  {
    await using open = await openLog(folder.path, { retention });
    for (const key of ["a", "b", "c", "d"]) {
      const { task } = await open.log.create(newTask({ key }));
      ids.push(task);
    }
    for (const id of ids.slice(0, 3)) {
      await open.log.started(id);
      await open.log.end(id, "done");
    }
    assertEquals([...open.log.tasks()].map(({ task }) => task), ids.slice(1));
    assertEquals(open.log.byKey("a"), undefined);
  }
  await using open = await openLog(folder.path, { retention });
  assertEquals([...open.log.tasks()].map(({ task }) => task), ids.slice(1));
  assertEquals(open.log.byKey("a"), undefined);
  assertEquals((await open.log.byKey("b"))!.task, ids[1]);
  assertEquals([...open.memory.entries(`of/${ids[0]}/`)], []);
  assertEquals(open.memory.get(`task/${ids[0]}`), undefined);
  await open.log.end(ids[3], "cancelled");
  assertEquals([...open.log.tasks()].map(({ task }) => task), ids.slice(2), "the oldest goes");
});

Deno.test("end() drops the tasks that are older than the limit on age", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path, { retention: { ageMs: -1, tasks: 100 } });
  const { task } = await open.log.create(newTask({ key: "k" }));
  const waiting = await open.log.create(newTask());
  await open.log.started(task);
  await open.log.end(task, "done");
  assertEquals([...open.log.tasks()].map(({ task }) => task), [waiting.task]);
  assertEquals(open.log.byKey("k"), undefined);
});

Deno.test("end() succeeds even if the disk does not take the removal of an older task", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path, { retention: { ageMs: 3_600_000, tasks: 1 } });
  const { log } = open;
  const first = await log.create(newTask());
  const second = await log.create(newTask());
  await log.end(first.task, "cancelled");
  using disk = new FaultyDisk();
  const written = disk.next("write");
  disk.fault = async ({ op }) => {
    if (op !== "write") return;
    await Promise.resolve();
    if (disk.count("write") > 1) throw systemError("ENOSPC");
  };
  await log.end(second.task, "cancelled");
  await written;
  assertEquals(log.get(second.task)!.state, "cancelled");
  const next = disk.next("write");
  await within(next, "the removal of the older task");
});

Deno.test("TaskLog undoes a step that the disk has not taken, and keeps the steps before it", async () => {
  await using folder = await TempFolder.make();
  const open = await openLog(folder.path);
  const { log } = open;
  const { task } = await log.create(newTask());
  for (const [, step] of STEPS.slice(0, 7)) await step(log, task);
  const before = readAll(log, task);
  {
    using _ = fullDisk();
    await assertRejects(() => log.pages.done(task, 0, "analyze", {}, 1), CodedError);
    await assertRejects(() => log.pages.collected(task, 1, { at: 2 }), CodedError);
    await assertRejects(() => log.calls.done(task, "merge", {}, 1), CodedError);
    await assertRejects(() => log.end(task, "dead", { error: FAILED }), CodedError);
    assertEquals(readAll(log, task), before);
  }
  for (const [, step] of STEPS.slice(7)) await step(log, task);
  const after = readAll(log, task);
  assertEquals(after.events.map(({ seq }) => seq), after.events.map((_, at) => at + 1));
  await open[Symbol.asyncDispose]();
  await using again = await openLog(folder.path);
  assertEquals(readAll(again.log, task), after);
});

Deno.test("remainingMs() counts down only while an orchestrator is up", async () => {
  await using folder = await TempFolder.make();
  const clock = new StillClock();
  let task: string;
  {
    await using open = await openLog(folder.path, { clock });
    ({ task } = await open.log.create(newTask({ deadlineMs: 10_000 })));
    clock.ms += 1_000;
    assertEquals(open.log.remainingMs(task), 9_000);
    await open.log.started(task);
    clock.ms += 2_000;
    assertEquals(open.log.remainingMs(task), 7_000);
    await open.log.pages.collected(task, 0, null);
  }
  clock.ms += 3_600_000; // no orchestrator is up
  await using open = await openLog(folder.path, { clock });
  assertEquals(open.log.remainingMs(task), 7_000);
  clock.ms += 8_000;
  assertEquals(open.log.remainingMs(task), -1_000);
  await open.log.end(task, "dead");
  clock.ms += 5_000;
  assertEquals(open.log.get(task)!.spent_ms, 11_000);
  assertEquals(open.log.remainingMs(task), -1_000, "a task that has ended takes no more time");
});

Deno.test("events() keeps 5000 events of a task, the last of which is replaced by each later one", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log, memory } = open;
  const task = await startTask(log);
  for (let n = 0; n < 5_100; n++) log.calls.started(task, `s${n % 2}`);
  await log.pages.collected(task, 0, null);
  assertEquals(log.get(task)!.events, 5_102);
  assertEquals(log.events(task, 4_998).map(({ seq }) => seq), [4_999, 5_102]);
  assertEquals(log.events(task, 5_101).map(({ seq }) => seq), [5_102]);
  assertEquals(log.events(task, 5_102), []);
  assertEquals([...memory.entries(`of/${task}/event/`)].length, 5_000);
});

Deno.test("retry() queues a task again with all its time, and numbers its events on", async () => {
  await using folder = await TempFolder.make();
  const clock = new StillClock();
  let open = await openLog(folder.path, { clock });
  try {
    for (const state of ["dead", "cancelled"] as const) {
      const { task } = await open.log.create(newTask({ key: state, deadlineMs: 1_000 }));
      for (const [, step] of STEPS.slice(0, 12)) await step(open.log, task);
      clock.ms += 5_000;
      open.log.calls.failed(task, "report");
      if (state === "cancelled") await open.log.cancelling(task);
      await open.log.end(task, state, { error: FAILED });
      const ended = readAll(open.log, task);
      const [again] = await Promise.all([open.log.retry(task), open.log.changed(task)]);
      assertEquals([again.task, again.state, again.ended_at], [task, "queued", null]);
      assertEquals([again.error, again.stage, again.failed_attempts], [null, null, 0]);
      assertEquals(open.log.remainingMs(task), 1_000);
      clock.ms += 100;
      assertEquals(open.log.remainingMs(task), 900);
      const after = readAll(open.log, task);
      assertEquals(after.events.slice(0, -1), ended.events);
      assertEquals([after.events.at(-1)!.kind, after.events.at(-1)!.seq], [
        "retried",
        ended.events.length + 1,
      ]);
      const { task: _, events: __, ...work } = ended;
      for (const [what, value] of Object.entries(work)) {
        assertEquals(after[what as keyof typeof work], value, what);
      }
      await open[Symbol.asyncDispose]();
      open = await openLog(folder.path, { clock });
      assertEquals(readAll(open.log, task), after);
      assertEquals((await open.log.byKey(state))!.task, task);
    }
  } finally {
    await open[Symbol.asyncDispose]();
  }
});

Deno.test("retry() that is called twice at once queues the task once", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const { task } = await log.create(newTask());
  await log.end(task, "cancelled");
  const both = await Promise.allSettled([log.retry(task), log.retry(task)]);
  assertEquals(both.map(({ status }) => status), ["fulfilled", "rejected"]);
  assertEquals((both[1] as PromiseRejectedResult).reason.code, "conflict");
  assertEquals(log.events(task, 2).map(({ kind }) => kind), ["retried"]);
});

Deno.test("retry() that the disk does not take leaves the task ended, to be retried or dropped later", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path, { retention: { tasks: 1 } });
  const { log } = open;
  const { task } = await log.create(newTask());
  for (const [, step] of STEPS.slice(0, 12)) await step(log, task);
  await log.end(task, "dead", { error: FAILED });
  const before = readAll(log, task);
  const plan = { from: "merge", calls: ["merge"], outputs: ["merge", "report"], pages: false };
  {
    using _ = fullDisk();
    await assertRejects(() => log.retry(task, plan), CodedError, "No space");
  }
  assertEquals(readAll(log, task), before);
  assertEquals(log.calls.generation(task, "merge"), 1);
  assertEquals((await log.retry(task, plan)).state, "queued");
  assertEquals(log.calls.generation(task, "merge"), 2);
  await log.end(task, "cancelled");
  const { task: next } = await log.create(newTask());
  await log.end(next, "cancelled");
  assertEquals([...log.tasks()].map(({ task }) => task), [next]);
});

Deno.test("retry() forgets the outputs of the plan's calls, and of no other call", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const task = await startTask(log);
  const names = ["merge", "merge.late", "merge(", "report", "mergeXlate"];
  for (const name of names) await log.calls.done(task, name, { name }, 1);
  await log.end(task, "dead", { error: FAILED });
  const outputs = ["merge", "merge("];
  await log.retry(task, { from: "merge", calls: outputs, outputs, pages: false });
  const left = names.filter((name) => log.calls.output(task, name) !== undefined);
  assertEquals(left, ["merge.late", "report", "mergeXlate"]);
  assertEquals(names.map((name) => log.calls.generation(task, name)), [2, 1, 2, 1, 1]);
});

Deno.test("end() drops a task whose retry the disk has not taken", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path, { retention: { tasks: 1 } });
  const { log } = open;
  const { task } = await log.create(newTask());
  await log.end(task, "cancelled");
  {
    using _ = fullDisk();
    await assertRejects(() => log.retry(task), CodedError, "No space");
  }
  const { task: next } = await log.create(newTask());
  await log.end(next, "cancelled");
  assertEquals([...log.tasks()].map(({ task }) => task), [next]);
});

Deno.test("end() does not drop a task that was retried", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path, { retention: { tasks: 1 } });
  const { log } = open;
  const { task } = await log.create(newTask());
  await log.end(task, "cancelled");
  await log.retry(task);
  for (let n = 0; n < 3; n++) await log.end((await log.create(newTask())).task, "cancelled");
  assertEquals(log.get(task)!.state, "queued");
  assertEquals([...log.tasks()].length, 2);
});

Deno.test("inputBytes counts the inputs of all tasks that have not ended, also after a restart", async () => {
  await using folder = await TempFolder.make();
  const input = { text: "x".repeat(100) };
  const bytes = estimateBytes(input);
  const ids: string[] = [];
  {
    await using open = await openLog(folder.path);
    const { log } = open;
    for (let n = 0; n < 3; n++) ids.push((await log.create(newTask({ input }))).task);
    assertEquals(log.inputBytes, 3 * bytes);
    await log.end(ids[0], "cancelled");
    assertEquals(log.inputBytes, 2 * bytes);
    await log.retry(ids[0]);
    await log.end(ids[1], "cancelled");
    using _ = fullDisk();
    await assertRejects(() => log.create(newTask({ input })), CodedError, "No space");
    await assertRejects(() => log.retry(ids[1]), CodedError, "No space");
    assertEquals(log.inputBytes, 2 * bytes);
  }
  await using open = await openLog(folder.path);
  assertEquals(open.log.inputBytes, 2 * bytes);
});

Deno.test("end() drops the oldest tasks beyond the limit on results", async () => {
  await using folder = await TempFolder.make();
  const retention = { resultBytes: 2_500 };
  const result = { markdown: "x".repeat(1_000) };
  const ids: string[] = [];
  {
    await using open = await openLog(folder.path, { retention });
    const { log } = open;
    for (let n = 0; n < 3; n++) {
      const { task } = await log.create(newTask());
      ids.push(task);
      await log.started(task);
      await log.calls.done(task, "report", result, 5);
      await log.end(task, "done");
    }
    assertEquals([...log.tasks()].map(({ task }) => task), ids.slice(1));
  }
  await using open = await openLog(folder.path, { retention });
  assertEquals([...open.log.tasks()].map(({ task }) => task), ids.slice(1));
});

Deno.test("end() drops the oldest tasks beyond the limit on events", async () => {
  await using folder = await TempFolder.make();
  const retention = { eventBytes: 40_000 };
  await using open = await openLog(folder.path, { retention });
  const { log } = open;
  const error = new CodedError("handler_rejected", "x".repeat(1_000));
  const [first, often] = [(await log.create(newTask())).task, (await log.create(newTask())).task];
  await log.end(first, "cancelled");
  const fail = async (): Promise<void> => {
    await log.started(often);
    await log.end(often, "dead", { error });
  };
  await fail();
  assertEquals([...log.tasks()].map(({ task }) => task), [first, often]);
  for (let n = 0; n < 40; n++) {
    if (log.get(often) === undefined) break;
    await log.retry(often);
    await fail();
  }
  assertEquals([...log.tasks()], [], "a task that is retried again and again is dropped at last");
});

Deno.test("end() removes the work of the oldest tasks beyond the limit on work", async () => {
  await using folder = await TempFolder.make();
  const input = { text: "x".repeat(1_000) };
  const retention = { workBytes: 2_500 };
  const ids: string[] = [];
  const retryable = (log: TaskLog): boolean[] => ids.map((id) => log.input(id) !== undefined);
  {
    await using open = await openLog(folder.path, { retention });
    for (let n = 0; n < 3; n++) ids.push((await open.log.create(newTask({ input }))).task);
    for (const id of ids) await open.log.end(id, "cancelled");
    assertEquals(retryable(open.log), [false, true, true]);
  }
  await using open = await openLog(folder.path, { retention });
  const { log } = open;
  assertEquals(retryable(log), [false, true, true]);
  assertEquals(ids.map((id) => log.get(id)!.state), Array(3).fill("cancelled"));
  const error = await assertRejects(() => log.retry(ids[0]), CodedError);
  assertEquals(error.code, "not_found");
  ids.push((await log.create(newTask({ input }))).task);
  await log.end(ids[3], "cancelled");
  assertEquals(retryable(log), [false, false, true, true]);
  await log.retry(ids[2]);
  ids.push((await log.create(newTask({ input }))).task);
  await log.end(ids[4], "cancelled");
  assertEquals(
    retryable(log),
    [false, false, true, true, true],
    "a task that is queued does not count",
  );
});
