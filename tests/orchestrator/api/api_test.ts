import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { LINE_BYTES_MAX } from "../../../lib/wire/limits.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { encode } from "../../../lib/wire/protocol.ts";
import { Agents } from "../../../orchestrator/run/agents.ts";
import { Api } from "../../../orchestrator/api/api.ts";
import { Pauses } from "../../../orchestrator/run/pauses.ts";
import { PIPELINES } from "../../../orchestrator/run/pipelines.ts";
import { Scheduler } from "../../../orchestrator/run/scheduler.ts";
import type { TaskEvent } from "../../../orchestrator/tasks/task.ts";
import type { TaskLog } from "../../../orchestrator/tasks/task_log.ts";
import { type Message, RawPeer } from "../../harness/raw_peer.ts";
import { quiet } from "../../harness/recorded_log.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { serve } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";
import { openLog, resultOf, Script } from "../task_harness.ts";

const INPUT = { sources: [{ text: "one" }] };
const NEVER = new AbortController().signal;
/** A test must end everything that it begins, timers too. */
const CLEAN = { sanitizeOps: true, sanitizeResources: true };

interface AskOptions {
  readonly timeout_ms?: number;
  readonly signal?: AbortSignal;
}

interface Fixture extends AsyncDisposable {
  readonly api: Api;
  readonly taskLog: TaskLog;
  readonly scheduler: Scheduler;
  ask(type: string, body?: JsonObject, more?: AskOptions): Promise<Message>;
  /** Asks for what must be rejected; returns the error. */
  rejection(type: string, body?: JsonObject): Promise<CodedError>;
}

/** Starts the API on the task log of a folder. The script plays the agents. */
async function start(folder: string, script: Script, queueMax = 100): Promise<Fixture> {
  const open = await openLog(folder);
  const { log: taskLog } = open;
  const pauses = new Pauses(open.memory);
  const scheduler = new Scheduler({
    taskLog,
    pipelines: PIPELINES,
    call: script.call,
    pauses,
    concurrency: 2,
    queueMax,
    log: quiet,
  });
  const agents = new Agents([], pauses);
  const watchdog = { oldestMs: 0, adopted: 0 };
  const api = new Api({
    taskLog,
    scheduler,
    agents,
    pauses,
    watchdog,
    pipelines: PIPELINES,
    serverStats: () => ({}),
  });
  const ask: Fixture["ask"] = (type, body, { timeout_ms, signal = NEVER } = {}) =>
    within(api.answer({ v: 1, id: "q", type, body, timeout_ms }, signal), type);
  return {
    api,
    taskLog,
    scheduler,
    ask,
    rejection: (type, body) => assertRejects(() => ask(type, body), CodedError),
    async [Symbol.asyncDispose]() {
      await scheduler.stop(0);
      await open[Symbol.asyncDispose]();
    },
  };
}

function rejectMerge(script: Script): void {
  script.before = ({ op }) => {
    if (op === "merge") throw new CodedError("handler_rejected", "Cannot merge this");
  };
}

/** Holds back every merge. Returns the function that releases them. */
function holdMerge(script: Script): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  script.before = ({ op }) => op === "merge" ? promise : undefined;
  return resolve;
}

/** Resolves when a task's merge has begun on disk, with the number of that event. */
async function atMerge(fixture: Fixture, task: string): Promise<number> {
  for (let after = 0;;) {
    const { events } = await fixture.ask("events", { task, after, wait_ms: 600_000 });
    for (const { seq, kind, stage } of events as TaskEvent[]) {
      if (kind === "stage_started" && stage === "merge") return seq;
      after = seq;
    }
  }
}

Deno.test("Api checks the body of each type before anything begins", CLEAN, async () => {
  await using folder = await TempFolder.make();
  await using fixture = await start(folder.path, new Script(1));
  const bad: Record<string, JsonObject> = {
    submit: { input: [] },
    get: {},
    list: { limit: 0 },
    events: { task: "t", after: -1 },
    result: { task: 7 },
    cancel: {},
    retry: { task: "t", from: 1 },
    why: {},
    pause: {},
    resume: { agent: 1 },
    stats: { x: 1 },
    agents: { x: 1 },
    pipelines: { x: 1 },
  };
  for (const [type, body] of Object.entries(bad)) {
    assertEquals((await fixture.rejection(type, body)).code, "invalid_input", type);
  }
  assertEquals((await fixture.ask("list")).tasks, []);
});

Deno.test("Api rejects unknown types, tasks and pipelines", CLEAN, async () => {
  await using folder = await TempFolder.make();
  await using fixture = await start(folder.path, new Script(1));
  for (const type of ["get", "events", "result", "cancel", "retry", "why"]) {
    for (const task of ["t0", "__proto__", "constructor"]) {
      assertEquals((await fixture.rejection(type, { task })).code, "not_found");
    }
  }
  const pipeline = await fixture.rejection("submit", { input: INPUT, pipeline: "__proto__" });
  assertEquals(pipeline.code, "unknown_pipeline");
  assert(pipeline.message.includes("report"), "the message lists the pipelines");
  for (const type of ["nothing", "constructor", "to_string"]) {
    assertEquals((await fixture.rejection(type)).code, "unknown_type");
  }
});

Deno.test("submit replies at once, or with wait_ms when the task has ended", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(2);
  const release = holdMerge(script);
  await using fixture = await start(folder.path, script);
  const first = await fixture.ask("submit", { input: INPUT, label: "shop" });
  assertEquals([first.label, first.created, first.pipeline], ["shop", true, "report"]);
  assert(["queued", "running"].includes(first.state));
  const short = await fixture.ask("submit", { input: INPUT, wait_ms: 1 });
  assertEquals(short.ended_at, null, "the wait is over before the task");
  const long = fixture.ask("submit", { input: INPUT, wait_ms: 600_000 });
  await until(
    () => script.names.filter((name) => name === "merge").length === 2,
    "two tasks reach merge",
  );
  release();
  assertEquals((await long).state, "done");
  assertEquals((await long).headline, "2 pages");
});

Deno.test(
  "submit, events and result wait no longer than the request's timeout_ms",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const release = holdMerge(script);
    await using fixture = await start(folder.path, script);
    const body = { input: INPUT, wait_ms: 600_000 };
    const { task } = await fixture.ask("submit", body, { timeout_ms: 5 });
    for (const type of ["events", "result"]) {
      const after = 1_000_000;
      const wait = { task, wait_ms: 600_000, ...(type === "events" ? { after } : {}) };
      const { state } = await fixture.ask(type, wait, { timeout_ms: 5 });
      assert(["queued", "running"].includes(state));
    }
    release();
  },
);

Deno.test(
  "submit returns the same task for the same key: at once, later and after a restart",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    let task: string;
    {
      await using fixture = await start(folder.path, new Script(1));
      const body = { input: INPUT, key: "shop 1" };
      const replies = await Promise.all(
        Array.from({ length: 8 }, () => fixture.ask("submit", body)),
      );
      task = replies[0].task;
      assertEquals(replies.map(({ task }) => task), Array(8).fill(task));
      assertEquals(replies.filter(({ created }) => created).length, 1);
      const again = await fixture.ask("submit", { ...body, label: "other", wait_ms: 60_000 });
      assertEquals([again.task, again.created, again.state], [task, false, "done"]);
      assertEquals((await fixture.ask("list")).tasks.length, 1);
    }
    await using fixture = await start(folder.path, new Script(1));
    const again = await fixture.ask("submit", { input: INPUT, key: "shop 1" });
    assertEquals([again.task, again.created, again.state], [task, false, "done"]);
    const other = await fixture.rejection("submit", { input: { sources: [] }, key: "shop 1" });
    assertEquals(other.code, "conflict");
    assertEquals((await fixture.ask("submit", { input: INPUT, key: "shop 2" })).created, true);
  },
);

Deno.test(
  "submit rejects a new task with queue_full, but returns a task that exists",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const release = holdMerge(script);
    await using fixture = await start(folder.path, script, 1);
    for (const key of ["a", "b", "c"]) {
      await fixture.ask("submit", { input: INPUT, key });
      if (key !== "c") await until(() => fixture.scheduler.waiting === 0, "the task runs");
    }
    const full = await fixture.rejection("submit", { input: INPUT, key: "d" });
    assertEquals([full.code, full.afterMs], ["queue_full", 1_000]);
    assertEquals((await fixture.ask("submit", { input: INPUT, key: "a" })).created, false);
    release();
  },
);

Deno.test(
  "events replies at once if there are further events, else when the next one happens",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const release = holdMerge(script);
    await using fixture = await start(folder.path, script);
    const { task } = await fixture.ask("submit", { input: INPUT });
    const merging = await atMerge(fixture, task);
    const first = await fixture.ask("events", { task, wait_ms: 600_000 });
    assertEquals(first.events[0], { ...first.events[0], seq: 1, kind: "submitted" });
    assertEquals(first.events.at(-1).seq, merging);
    const { state, last, events } = await fixture.ask("events", { task, after: 999 });
    assertEquals([last, events], [merging, []]);
    assertEquals(state, "running");
    const next = fixture.ask("events", { task, after: last, wait_ms: 600_000 });
    release();
    assert((await next).events[0].seq === last + 1);
    const end = await fixture.ask("result", { task, wait_ms: 600_000 });
    assertEquals(end.state, "done");
    const after = await fixture.ask("events", { task, after: 999, wait_ms: 600_000 });
    assertEquals(
      [after.state, after.events],
      ["done", []],
      "there is nothing to wait for after the end",
    );
  },
);

Deno.test(
  "events shows a watcher that reconnects each event once",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(12);
    await using fixture = await start(folder.path, script);
    const { task } = await fixture.ask("submit", { input: INPUT });
    const seen: number[] = [];
    for (let after = 0, state = ""; state !== "done" || after < seen.length;) {
      const connection = new AbortController();
      const lost = fixture.ask("events", { task, after, wait_ms: 600_000 }, {
        signal: connection.signal,
      });
      connection.abort(); // the reply is lost with the connection
      await lost.catch((error) => assertEquals(error.code, "cancelled"));
      const reply = await fixture.ask("events", { task, after, wait_ms: 600_000 });
      for (const { seq } of reply.events) seen.push(seq);
      after = seen.at(-1)!;
      state = reply.last === after ? reply.state : "";
    }
    assertEquals(seen, seen.map((_, at) => at + 1));
    const kinds = ((await fixture.ask("events", { task })).events as TaskEvent[]).map((e) =>
      e.kind
    );
    assertEquals(kinds.filter((kind) => kind === "page_done").length, 12);
    assertEquals([kinds[0], kinds.at(-1)], ["submitted", "done"]);
  },
);

Deno.test(
  "Api cancels a waiting request when its connection ends, without an internal error",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const release = holdMerge(script);
    await using fixture = await start(folder.path, script);
    const { task } = await fixture.ask("submit", { input: INPUT });
    await until(() => script.names.includes("merge"), "the task reaches merge");
    const bodies: [string, JsonObject][] = [
      ["events", { task, after: 999, wait_ms: 600_000 }],
      ["result", { task, wait_ms: 600_000 }],
      ["submit", { input: INPUT, wait_ms: 600_000, key: "k" }],
    ];
    for (const [type, body] of bodies) {
      const connection = new AbortController();
      const waiting = fixture.ask(type, body, { signal: connection.signal });
      connection.abort();
      assertEquals((await assertRejects(() => waiting, CodedError)).code, "cancelled", type);
    }
    release();
  },
);

Deno.test(
  "events reaches 20 watchers on one connection, and none of them holds up other requests",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(3);
    const release = holdMerge(script);
    await using fixture = await start(folder.path, script);
    const internals: unknown[] = [];
    await using server = await serve({
      role: "orchestrator",
      answer: (request, signal) => fixture.api.answer(request, signal),
      onInternal: (_, error) => internals.push(error),
    });
    using peer = await RawPeer.loggedIn(server.address);
    const { body: { task } } = await peer.ask("submit", { input: INPUT });
    const last = await atMerge(fixture, task);
    const ids = Array.from({ length: 20 }, (_, n) => `w${n}`);
    const poll = { task, after: last, wait_ms: 600_000 };
    await peer.say(...ids.map((id) => ({ v: 1, id, type: "events", body: poll })));
    {
      using other = await RawPeer.loggedIn(server.address);
      await other.say({ v: 1, id: "lost", type: "events", body: poll });
    }
    const { body: stats } = await peer.ask("stats");
    assertEquals([stats.running, stats.tasks.running], [1, 1], "waiting requests hold nothing up");
    release();
    const heard = await peer.hearAll(ids.length);
    for (const id of ids) assertEquals(heard.get(id).body.events[0].seq, last + 1);
    assertEquals((await fixture.ask("result", { task, wait_ms: 600_000 })).state, "done");
    assertEquals(internals, []);
  },
);

Deno.test(
  "result is null before the end, then the last call's output or the error of a dead task",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(2);
    const release = holdMerge(script);
    await using fixture = await start(folder.path, script);
    const { task } = await fixture.ask("submit", { input: INPUT });
    const before = await fixture.ask("result", { task });
    assertEquals([before.result, before.error], [null, null]);
    const waiting = fixture.ask("result", { task, wait_ms: 600_000 });
    release();
    assertEquals(await waiting, { task, state: "done", error: null, result: resultOf(2) });
    script.before = () => {
      throw new CodedError("invalid_input", "Cannot take this input", { details: ["sources: no"] });
    };
    const { task: dead } = await fixture.ask("submit", { input: INPUT, wait_ms: 600_000 });
    const { state, result, error } = await fixture.ask("result", { task: dead });
    assertEquals([state, result, error.code], ["dead", null, "invalid_input"]);
    assertEquals(error.details, ["sources: no"]);
  },
);

Deno.test(
  "cancel replies when the work has stopped, and rejects a task that has ended",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    holdMerge(script);
    await using fixture = await start(folder.path, script);
    const { task } = await fixture.ask("submit", { input: INPUT });
    await until(() => script.names.includes("merge"), "the task reaches merge");
    assertEquals((await fixture.ask("cancel", { task })).state, "cancelled");
    const again = await fixture.rejection("cancel", { task });
    assertEquals([again.code, again.message.endsWith("it is cancelled")], ["already_final", true]);
  },
);

Deno.test(
  "list returns the newest tasks first, filtered by states and cut to limit",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    await using fixture = await start(folder.path, script);
    const done: string[] = [];
    for (let n = 0; n < 3; n++) {
      done.push((await fixture.ask("submit", { input: INPUT, wait_ms: 60_000 })).task);
    }
    const release = holdMerge(script);
    const { task: running } = await fixture.ask("submit", { input: INPUT });
    await until(() => script.calls.at(-1)!.op === "merge", "the task reaches merge");
    const list = async (body: JsonObject): Promise<string[]> =>
      (await fixture.ask("list", body)).tasks.map(({ task }: { task: string }) => task);
    const newest = [running, ...done.reverse()];
    assertEquals(await list({}), newest);
    assertEquals(await list({ limit: 2 }), newest.slice(0, 2));
    assertEquals(await list({ states: ["done"] }), newest.slice(1));
    assertEquals(await list({ states: ["done"], limit: 1 }), newest.slice(1, 2));
    assertEquals(await list({ states: ["running", "dead"] }), [running]);
    assertEquals(await list({ states: [] }), []);
    release();
  },
);

/** Text that takes six bytes for each character in JSON. */
function costly(chars: number): string {
  return "\u0001".repeat(chars);
}

/** The largest error that an agent can reply with. */
function largestError(): CodedError {
  const details = Array.from({ length: 30 }, () => costly(1_000));
  return new CodedError("invalid_input", costly(5_000), { details });
}

function assertFits(body: JsonObject): void {
  const line = encode({ v: 1, id: "i".repeat(128), ok: true, body });
  const bytes = new TextEncoder().encode(line).length;
  assert(bytes <= LINE_BYTES_MAX, `${bytes} bytes`);
}

Deno.test("list fits a reply, however large its tasks are", CLEAN, async () => {
  await using folder = await TempFolder.make();
  await using fixture = await start(folder.path, new Script(1));
  const { taskLog } = fixture;
  const key = (n: number): string => costly(250) + String(n).padStart(6);
  await Promise.all(Array.from({ length: 1_000 }, async (_, n) => {
    const about = { pipeline: "report", label: costly(200), key: key(n), digest: "0".repeat(64) };
    const { task } = await taskLog.create({ ...about, input: {}, deadlineMs: 86_400_000 });
    await taskLog.started(task);
    await (n % 2 === 0
      ? taskLog.end(task, "dead", { error: largestError() })
      : taskLog.end(task, "done", { headline: costly(500) }));
  }));
  for (const state of ["dead", "done"]) {
    const body = await fixture.ask("list", { states: [state], limit: 500 });
    assertEquals(body.tasks.length, 500);
    assertFits(body);
  }
  const { tasks: [{ task, error }] } = await fixture.ask("list", { states: ["dead"], limit: 1 });
  const { message, details, ...more } = (await fixture.ask("get", { task })).error;
  assertEquals(error, { ...more, message: message.slice(0, 200) });
  assertEquals([message.length, details.length], [2_000, 20]);
});

Deno.test("events fit a reply: the next reply has those that did not", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const release = holdMerge(script);
  await using fixture = await start(folder.path, script);
  const { task } = await fixture.ask("submit", { input: INPUT });
  await atMerge(fixture, task);
  // An event has 200 characters of any error: a larger one would only grow the journal.
  const error = new CodedError("invalid_input", costly(250), { details: [costly(1)] });
  const failure = { attempts: 1, error, waitMs: 1 };
  for (let n = 0; n < 4_000; n++) fixture.taskLog.calls.attemptFailed(task, "merge", failure);
  release();
  await fixture.ask("result", { task, wait_ms: 60_000 });
  const seen: number[] = [];
  for (let last = 1, replies = 0; seen.length < last; replies++) {
    const body = await fixture.ask("events", { task, after: seen.length });
    assertFits(body);
    assert(body.events.length > 0 && replies < 10, `${body.events.length} in reply ${replies}`);
    seen.push(...(body.events as TaskEvent[]).map(({ seq }) => seq));
    last = body.last;
  }
  assertEquals(seen, Array.from(seen, (_, at) => at + 1));
  assert(seen.length > 4_000, `${seen.length} events`);
  const events = fixture.taskLog.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
  const { message, details } = events[0].error as { message: string; details?: string[] };
  assertEquals([message.length, details], [200, undefined]);
});

Deno.test(
  "stats counts tasks by state, agents and pipelines list what there is",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    await using fixture = await start(folder.path, new Script(1));
    await fixture.ask("submit", { input: INPUT, wait_ms: 60_000 });
    const { uptime_ms, waiting, running, tasks } = await fixture.ask("stats");
    assert(uptime_ms >= 0);
    assertEquals([waiting, running, tasks.done, tasks.dead], [0, 0, 1, 0]);
    assertEquals(await fixture.ask("agents"), { agents: [] });
    const { pipelines } = await fixture.ask("pipelines");
    assertEquals(pipelines[0].name, "report");
    assertEquals(
      pipelines[0].calls.map(({ name }: { name: string }) => name),
      ["collect", "analyze", "combine", "merge", "report"],
    );
  },
);

Deno.test(
  "retry queues a dead task again, and requests that wait see its end",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    await using fixture = await start(folder.path, script);
    rejectMerge(script);
    const { task } = await fixture.ask("submit", { input: INPUT, key: "k", wait_ms: 60_000 });
    const dead = await fixture.ask("get", { task });
    assertEquals([dead.state, dead.stage], ["dead", "merge"]);
    const release = holdMerge(script);
    const queued = await fixture.ask("retry", { task });
    assertEquals([queued.task, queued.state, queued.error], [task, "queued", null]);
    const waiting = fixture.ask("result", { task, wait_ms: 600_000 });
    const events = fixture.ask("events", { task, after: dead.events, wait_ms: 600_000 });
    assertEquals((await events).events[0].kind, "retried");
    assertEquals((await fixture.ask("submit", { input: INPUT, key: "k" })).task, task);
    assertEquals((await fixture.ask("result", { task })).result, null);
    for (const body of [{ task }, { task, from: "merge" }] as JsonObject[]) {
      assertEquals((await fixture.rejection("retry", body)).code, "conflict");
    }
    release();
    assertEquals((await waiting).result, resultOf(1));
    assertEquals((await fixture.rejection("retry", { task })).code, "already_final");
    assertEquals((await fixture.rejection("retry", { task: "t0" })).code, "not_found");
  },
);

Deno.test(
  "retry with the number of the last event takes effect once, however often it is sent",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    await using fixture = await start(folder.path, script);
    rejectMerge(script);
    const { task, events } = await fixture.ask("submit", { input: INPUT, wait_ms: 60_000 });
    const body = { task, from: "merge", events };
    for (const other of [events - 1, events + 1]) {
      assertEquals((await fixture.rejection("retry", { ...body, events: other })).code, "conflict");
    }
    const first = await fixture.ask("retry", body);
    assertEquals([first.state, first.retried], ["queued", true]);
    await fixture.ask("result", { task, wait_ms: 60_000 });
    const again = await fixture.ask("retry", body);
    assertEquals([again.state, again.retried], ["dead", false], "it has failed again");
    assertEquals(again, { ...await fixture.ask("get", { task }), retried: false });

    script.before = () => undefined;
    await fixture.ask("retry", { task, events: again.events });
    assertEquals((await fixture.ask("result", { task, wait_ms: 60_000 })).state, "done");
    assertEquals((await fixture.ask("retry", { task, events: again.events })).state, "done");
    const runs = script.calls.filter(({ op }) => op === "merge").map(({ id }) => id);
    assertEquals(runs, [`${task}.merge`, `${task}.r2.merge`, `${task}.r2.merge`]);
  },
);

Deno.test("retry sent five times at once takes effect once", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  await using fixture = await start(folder.path, script);
  script.before = () => {
    throw new CodedError("handler_rejected", "Cannot");
  };
  const { task } = await fixture.ask("submit", { input: INPUT, wait_ms: 60_000 });
  const release = holdMerge(script);
  const all = await Promise.allSettled(
    Array.from({ length: 5 }, () => fixture.ask("retry", { task, from: "collect" })),
  );
  assertEquals(all.map(({ status }) => status).sort(), ["fulfilled", ...Array(4).fill("rejected")]);
  for (const outcome of all) {
    if (outcome.status === "rejected") assertEquals(outcome.reason.code, "conflict");
  }
  release();
  assertEquals((await fixture.ask("result", { task, wait_ms: 60_000 })).state, "done");
  assertEquals(script.calls.filter(({ id }) => id === `${task}.r2.collect.0`).length, 1);
});

Deno.test(
  "retry is rejected while the queue is full, and the task stays as it is",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const release = holdMerge(script);
    await using fixture = await start(folder.path, script, 1);
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      ids.push((await fixture.ask("submit", { input: INPUT })).task);
      if (n < 2) await until(() => fixture.scheduler.waiting === 0, "the task runs");
    }
    await fixture.ask("cancel", { task: ids[2] });
    await fixture.ask("submit", { input: INPUT });
    assertEquals((await fixture.rejection("retry", { task: ids[2] })).code, "queue_full");
    assertEquals((await fixture.ask("get", { task: ids[2] })).state, "cancelled");
    release();
  },
);

Deno.test("submit and retry are rejected while the disk is full, but tasks that exist are returned", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const release = holdMerge(script);
  await using fixture = await start(folder.path, script);
  const { task } = await fixture.ask("submit", { input: INPUT, key: "a" });
  await fixture.ask("cancel", { task });
  release();
  Object.defineProperty(fixture.taskLog, "full", { get: () => true });
  const bodies = { submit: { input: INPUT }, retry: { task } };
  for (const [type, body] of Object.entries(bodies)) {
    const { code, afterMs } = await fixture.rejection(type, body);
    assertEquals([code, afterMs], ["storage_full", 1_000], type);
  }
  assertEquals((await fixture.ask("submit", { input: INPUT, key: "a" })).task, task);
  assertEquals((await fixture.ask("get", { task })).state, "cancelled");
});

Deno.test("why explains a task that runs, one that waits and one that is done", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const release = holdMerge(script);
  await using fixture = await start(folder.path, script);
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push((await fixture.ask("submit", { input: INPUT })).task);
  for (const id of ids.slice(0, 2)) await atMerge(fixture, id);
  const running = await fixture.ask("why", { task: ids[0] });
  assertEquals([running.task, running.state], [ids[0], "running"]);
  assert(/^merge began \d+ ms ago$/.test(running.because[0]), running.because[0]);
  const { because: [waiting] } = await fixture.ask("why", { task: ids[2] });
  assert(
    /^waiting .* its turn: 2 of 2 slots are taken, no tasks are ahead$/.test(waiting),
    waiting,
  );
  release();
  await fixture.ask("result", { task: ids[2], wait_ms: 60_000 });
  const { state, because } = await fixture.ask("why", { task: ids[2] });
  assertEquals([state, /^done /.test(because[0]), because.length], ["done", true, 10]);
  assertEquals((await fixture.rejection("why", { task: "t0" })).code, "not_found");
});

Deno.test(
  "pause and resume take effect once, outlive a restart, and reject unknown names",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    {
      await using fixture = await start(folder.path, new Script(1));
      const first = await fixture.ask("pause", { pipeline: "report" });
      assertEquals(first, { pipeline: "report", paused: first.paused });
      assertEquals(await fixture.ask("pause", { pipeline: "report" }), first);
      assertEquals((await fixture.ask("pipelines")).pipelines[0].paused, first.paused);
      const bodies: JsonObject[] = [{ pipeline: "knit" }, { agent: "report" }, {
        pipeline: "__proto__",
      }];
      for (const body of bodies) {
        for (const type of ["pause", "resume"]) {
          assertEquals((await fixture.rejection(type, body)).code, "not_found");
        }
      }
      const { task } = await fixture.ask("submit", { input: INPUT, key: "k" });
      const { state, because } = await fixture.ask("why", { task });
      assertEquals(state, "queued");
      assert(because[0].includes(`pipeline report is paused since ${first.paused}`), because[0]);
    }
    await using fixture = await start(folder.path, new Script(1));
    assertEquals(
      (await fixture.ask("submit", { input: INPUT, key: "k", wait_ms: 1 })).state,
      "queued",
    );
    const resumed = { pipeline: "report", paused: null };
    assertEquals(await fixture.ask("resume", { pipeline: "report" }), resumed);
    assertEquals(await fixture.ask("resume", { pipeline: "report" }), resumed);
    assertEquals(
      (await fixture.ask("submit", { input: INPUT, key: "k", wait_ms: 60_000 })).state,
      "done",
    );
  },
);
