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
/** What a test begins ends with it, timers too. */
const CLEAN = { sanitizeOps: true, sanitizeResources: true };

interface Asked extends AsyncDisposable {
  readonly api: Api;
  readonly taskLog: TaskLog;
  readonly scheduler: Scheduler;
  ask(type: string, body?: JsonObject, more?: { timeout_ms?: number; gone?: AbortSignal }): Promise<
    Message
  >;
  refusal(type: string, body?: JsonObject): Promise<CodedError>;
}

/** The API on the log of a folder, with the script's agents. */
async function start(folder: string, script: Script, queueMax = 100): Promise<Asked> {
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
  const ask: Asked["ask"] = (type, body, { timeout_ms, gone = NEVER } = {}) =>
    within(api.answer({ v: 1, id: "q", type, body, timeout_ms }, gone), type);
  return {
    api,
    taskLog,
    scheduler,
    ask,
    refusal: (type, body) => assertRejects(() => ask(type, body), CodedError),
    async [Symbol.asyncDispose]() {
      await scheduler.stop(0);
      await open[Symbol.asyncDispose]();
    },
  };
}

function refuseMerge(script: Script): void {
  script.before = ({ op }) => {
    if (op === "merge") throw new CodedError("handler_rejected", "Cannot merge this");
  };
}

/** Holds the merge of every task; gives what lets it go. */
function holdMerge(script: Script): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  script.before = ({ op }) => op === "merge" ? promise : undefined;
  return resolve;
}

/** The number of the event with which a task's merge has begun, when it is on disk. */
async function atMerge(asked: Asked, task: string): Promise<number> {
  for (let after = 0;;) {
    const { events } = await asked.ask("events", { task, after, wait_ms: 600_000 });
    for (const { seq, kind, stage } of events as TaskEvent[]) {
      if (kind === "stage_started" && stage === "merge") return seq;
      after = seq;
    }
  }
}

Deno.test(
  "Api refuses bodies that are not what the type takes, with the paths",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    await using asked = await start(folder.path, new Script(1));
    const bad: [type: string, body: JsonObject, path: string][] = [
      ["submit", {}, "input"],
      ["submit", { input: [] }, "input"],
      ["submit", { input: INPUT, inptu: 1 }, "(top)"],
      ["submit", { input: INPUT, label: "x".repeat(201) }, "label"],
      ["submit", { input: INPUT, key: "" }, "key"],
      ["submit", { input: INPUT, key: "x".repeat(257) }, "key"],
      ["submit", { input: INPUT, deadline_ms: 0 }, "deadline_ms"],
      ["submit", { input: INPUT, deadline_ms: 86_400_001 }, "deadline_ms"],
      ["submit", { input: INPUT, wait_ms: -1 }, "wait_ms"],
      ["submit", { input: INPUT, wait_ms: 1.5 }, "wait_ms"],
      ["get", {}, "task"],
      ["get", { task: "../x" }, "task"],
      ["get", { task: "t", more: 1 }, "(top)"],
      ["list", { states: ["lost"] }, "states.0"],
      ["list", { limit: 0 }, "limit"],
      ["list", { limit: 501 }, "limit"],
      ["events", { task: "t", after: -1 }, "after"],
      ["events", { task: "t", wait_ms: 600_001 }, "wait_ms"],
      ["result", { task: 7 }, "task"],
      ["cancel", {}, "task"],
      ["retry", {}, "task"],
      ["retry", { task: "t", from: 1 }, "from"],
      ["why", {}, "task"],
      ["pause", {}, "(top)"],
      ["pause", { agent: "a", pipeline: "report" }, "(top)"],
      ["resume", { agent: 1 }, "agent"],
      ["stats", { x: 1 }, "(top)"],
      ["agents", { x: 1 }, "(top)"],
      ["pipelines", { x: 1 }, "(top)"],
    ];
    for (const [type, body, path] of bad) {
      const { code, details } = await asked.refusal(type, body);
      assertEquals(code, "invalid_input", `${type} ${JSON.stringify(body)}`);
      assert(details!.some((detail) => detail.startsWith(`${path}:`)), details!.join("; "));
    }
    assertEquals((await asked.ask("list")).tasks, [], "nothing was begun");
  },
);

Deno.test("Api knows no other types, tasks and pipelines than those there are", CLEAN, async () => {
  await using folder = await TempFolder.make();
  await using asked = await start(folder.path, new Script(1));
  for (const type of ["get", "events", "result", "cancel", "retry", "why"]) {
    for (const task of ["t0", "__proto__", "constructor"]) {
      assertEquals((await asked.refusal(type, { task })).code, "not_found");
    }
  }
  const pipeline = await asked.refusal("submit", { input: INPUT, pipeline: "__proto__" });
  assertEquals(pipeline.code, "unknown_pipeline");
  assert(pipeline.message.includes("report"), "it names those there are");
  for (const type of ["nothing", "constructor", "to_string"]) {
    assertEquals((await asked.refusal(type)).code, "unknown_type");
  }
});

Deno.test("submit answers at once, or with wait_ms when the task has ended", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(2);
  const letGo = holdMerge(script);
  await using asked = await start(folder.path, script);
  const first = await asked.ask("submit", { input: INPUT, label: "shop" });
  assertEquals([first.label, first.created, first.pipeline], ["shop", true, "report"]);
  assert(["queued", "running"].includes(first.state));
  const short = await asked.ask("submit", { input: INPUT, wait_ms: 1 });
  assertEquals(short.ended_at, null, "its time to wait is over, the task goes on");
  const long = asked.ask("submit", { input: INPUT, wait_ms: 600_000 });
  await until(() => script.names.filter((name) => name === "merge").length === 2, "two at merge");
  letGo();
  assertEquals((await long).state, "done");
  assertEquals((await long).headline, "2 pages");
});

Deno.test("a wait is no longer than the request's own time", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const letGo = holdMerge(script);
  await using asked = await start(folder.path, script);
  const body = { input: INPUT, wait_ms: 600_000 };
  const { task } = await asked.ask("submit", body, { timeout_ms: 5 });
  for (const type of ["events", "result"]) {
    const after = 1_000_000;
    const wait = { task, wait_ms: 600_000, ...(type === "events" ? { after } : {}) };
    const { state } = await asked.ask(type, wait, { timeout_ms: 5 });
    assert(["queued", "running"].includes(state));
  }
  letGo();
});

Deno.test("the same key is the same task: at once, later and after a restart", CLEAN, async () => {
  await using folder = await TempFolder.make();
  let task: string;
  {
    await using asked = await start(folder.path, new Script(1));
    const body = { input: INPUT, key: "shop 1" };
    const replies = await Promise.all(Array.from({ length: 8 }, () => asked.ask("submit", body)));
    task = replies[0].task;
    assertEquals(replies.map(({ task }) => task), Array(8).fill(task));
    assertEquals(replies.filter(({ created }) => created).length, 1);
    const again = await asked.ask("submit", { ...body, label: "other", wait_ms: 60_000 });
    assertEquals([again.task, again.created, again.state], [task, false, "done"]);
    assertEquals((await asked.ask("list")).tasks.length, 1);
  }
  await using asked = await start(folder.path, new Script(1));
  const again = await asked.ask("submit", { input: INPUT, key: "shop 1" });
  assertEquals([again.task, again.created, again.state], [task, false, "done"]);
  const other = await asked.refusal("submit", { input: { sources: [] }, key: "shop 1" });
  assertEquals(other.code, "conflict");
  assertEquals((await asked.ask("submit", { input: INPUT, key: "shop 2" })).created, true);
});

Deno.test(
  "submit refuses with queue_full what finds no room, but not what it knows",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const letGo = holdMerge(script);
    await using asked = await start(folder.path, script, 1);
    for (const key of ["a", "b", "c"]) {
      await asked.ask("submit", { input: INPUT, key });
      if (key !== "c") await until(() => asked.scheduler.waiting === 0, "it runs");
    }
    const full = await asked.refusal("submit", { input: INPUT, key: "d" });
    assertEquals([full.code, full.afterMs], ["queue_full", 1_000]);
    assertEquals((await asked.ask("submit", { input: INPUT, key: "a" })).created, false);
    letGo();
  },
);

Deno.test(
  "events answers at once where there is something, else when something happens",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const letGo = holdMerge(script);
    await using asked = await start(folder.path, script);
    const { task } = await asked.ask("submit", { input: INPUT });
    const merging = await atMerge(asked, task);
    const first = await asked.ask("events", { task, wait_ms: 600_000 });
    assertEquals(first.events[0], { ...first.events[0], seq: 1, kind: "submitted" });
    assertEquals(first.events.at(-1).seq, merging);
    const { state, last, events } = await asked.ask("events", { task, after: 999 });
    assertEquals([last, events], [merging, []]);
    assertEquals(state, "running");
    const next = asked.ask("events", { task, after: last, wait_ms: 600_000 });
    letGo();
    assert((await next).events[0].seq === last + 1);
    const end = await asked.ask("result", { task, wait_ms: 600_000 });
    assertEquals(end.state, "done");
    const after = await asked.ask("events", { task, after: 999, wait_ms: 600_000 });
    assertEquals(
      [after.state, after.events],
      ["done", []],
      "a task that has ended is not waited for",
    );
  },
);

Deno.test(
  "a watcher that comes again and again misses nothing and sees nothing twice",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(12);
    await using asked = await start(folder.path, script);
    const { task } = await asked.ask("submit", { input: INPUT });
    const seen: number[] = [];
    for (let after = 0, state = ""; state !== "done" || after < seen.length;) {
      const gone = new AbortController();
      const lost = asked.ask("events", { task, after, wait_ms: 600_000 }, { gone: gone.signal });
      gone.abort(); // its answer is lost with the connection
      await lost.catch((error) => assertEquals(error.code, "cancelled"));
      const reply = await asked.ask("events", { task, after, wait_ms: 600_000 });
      for (const { seq } of reply.events) seen.push(seq);
      after = seen.at(-1)!;
      state = reply.last === after ? reply.state : "";
    }
    assertEquals(seen, seen.map((_, at) => at + 1));
    const kinds = ((await asked.ask("events", { task })).events as TaskEvent[]).map((e) => e.kind);
    assertEquals(kinds.filter((kind) => kind === "page_done").length, 12);
    assertEquals([kinds[0], kinds.at(-1)], ["submitted", "done"]);
  },
);

Deno.test("a wait ends when its client has gone, and is no internal error", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const letGo = holdMerge(script);
  await using asked = await start(folder.path, script);
  const { task } = await asked.ask("submit", { input: INPUT });
  await until(() => script.names.includes("merge"), "it is at merge");
  const bodies: [string, JsonObject][] = [
    ["events", { task, after: 999, wait_ms: 600_000 }],
    ["result", { task, wait_ms: 600_000 }],
    ["submit", { input: INPUT, wait_ms: 600_000, key: "k" }],
  ];
  for (const [type, body] of bodies) {
    const gone = new AbortController();
    const waiting = asked.ask(type, body, { gone: gone.signal });
    gone.abort();
    assertEquals((await assertRejects(() => waiting, CodedError)).code, "cancelled", type);
  }
  letGo();
});

Deno.test("events over a connection, many watchers on one and on their own", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(3);
  const letGo = holdMerge(script);
  await using asked = await start(folder.path, script);
  const internals: unknown[] = [];
  await using server = await serve({
    role: "orchestrator",
    answer: (request, gone) => asked.api.answer(request, gone),
    onInternal: (_, error) => internals.push(error),
  });
  using peer = await RawPeer.loggedIn(server.address);
  const { body: { task } } = await peer.ask("submit", { input: INPUT });
  const last = await atMerge(asked, task);
  const ids = Array.from({ length: 20 }, (_, n) => `w${n}`);
  const poll = { task, after: last, wait_ms: 600_000 };
  await peer.say(...ids.map((id) => ({ v: 1, id, type: "events", body: poll })));
  {
    using other = await RawPeer.loggedIn(server.address);
    await other.say({ v: 1, id: "lost", type: "events", body: poll });
  }
  const { body: stats } = await peer.ask("stats");
  assertEquals([stats.running, stats.tasks.running], [1, 1], "those who wait hold nothing up");
  letGo();
  const heard = await peer.hearAll(ids.length);
  for (const id of ids) assertEquals(heard.get(id).body.events[0].seq, last + 1);
  assertEquals((await asked.ask("result", { task, wait_ms: 600_000 })).state, "done");
  assertEquals(internals, []);
});

Deno.test(
  "result is null before the end, the last stage's answer after it, and the error of the dead",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(2);
    const letGo = holdMerge(script);
    await using asked = await start(folder.path, script);
    const { task } = await asked.ask("submit", { input: INPUT });
    const before = await asked.ask("result", { task });
    assertEquals([before.result, before.error], [null, null]);
    const waiting = asked.ask("result", { task, wait_ms: 600_000 });
    letGo();
    assertEquals(await waiting, { task, state: "done", error: null, result: resultOf(2) });
    script.before = () => {
      throw new CodedError("invalid_input", "Cannot take this input", { details: ["sources: no"] });
    };
    const { task: dead } = await asked.ask("submit", { input: INPUT, wait_ms: 600_000 });
    const { state, result, error } = await asked.ask("result", { task: dead });
    assertEquals([state, result, error.code], ["dead", null, "invalid_input"]);
    assertEquals(error.details, ["sources: no"]);
  },
);

Deno.test(
  "cancel is answered when the work has stopped, and not for a task that has ended",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    holdMerge(script);
    await using asked = await start(folder.path, script);
    const { task } = await asked.ask("submit", { input: INPUT });
    await until(() => script.names.includes("merge"), "it is at merge");
    assertEquals((await asked.ask("cancel", { task })).state, "cancelled");
    const again = await asked.refusal("cancel", { task });
    assertEquals([again.code, again.message.endsWith("it is cancelled")], ["already_final", true]);
  },
);

Deno.test(
  "list gives the newest first, of the states that are asked for, so many",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    await using asked = await start(folder.path, script);
    const done: string[] = [];
    for (let n = 0; n < 3; n++) {
      done.push((await asked.ask("submit", { input: INPUT, wait_ms: 60_000 })).task);
    }
    const letGo = holdMerge(script);
    const { task: running } = await asked.ask("submit", { input: INPUT });
    await until(() => script.calls.at(-1)!.op === "merge", "it is at merge");
    const list = async (body: JsonObject): Promise<string[]> =>
      (await asked.ask("list", body)).tasks.map(({ task }: { task: string }) => task);
    const newest = [running, ...done.reverse()];
    assertEquals(await list({}), newest);
    assertEquals(await list({ limit: 2 }), newest.slice(0, 2));
    assertEquals(await list({ states: ["done"] }), newest.slice(1));
    assertEquals(await list({ states: ["done"], limit: 1 }), newest.slice(1, 2));
    assertEquals(await list({ states: ["running", "dead"] }), [running]);
    assertEquals(await list({ states: [] }), []);
    letGo();
  },
);

/** Takes six bytes for each character as JSON. */
function costly(chars: number): string {
  return "\u0001".repeat(chars);
}

/** The largest error that an agent can answer with. */
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
  await using asked = await start(folder.path, new Script(1));
  const { taskLog } = asked;
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
    const body = await asked.ask("list", { states: [state], limit: 500 });
    assertEquals(body.tasks.length, 500);
    assertFits(body);
  }
  const { tasks: [{ task, error }] } = await asked.ask("list", { states: ["dead"], limit: 1 });
  const { message, details, ...more } = (await asked.ask("get", { task })).error;
  assertEquals(error, { ...more, message: message.slice(0, 200) });
  assertEquals([message.length, details.length], [2_000, 20]);
});

Deno.test("events fit a reply: those that do not come with the next one", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const letGo = holdMerge(script);
  await using asked = await start(folder.path, script);
  const { task } = await asked.ask("submit", { input: INPUT });
  await atMerge(asked, task);
  const failure = { attempts: 1, error: largestError(), waitMs: 1 };
  for (let n = 0; n < 4_000; n++) asked.taskLog.calls.attemptFailed(task, "merge", failure);
  letGo();
  await asked.ask("result", { task, wait_ms: 60_000 });
  const seen: number[] = [];
  for (let last = 1, replies = 0; seen.length < last; replies++) {
    const body = await asked.ask("events", { task, after: seen.length });
    assertFits(body);
    assert(body.events.length > 0 && replies < 10, `${body.events.length} in reply ${replies}`);
    seen.push(...(body.events as TaskEvent[]).map(({ seq }) => seq));
    last = body.last;
  }
  assertEquals(seen, Array.from(seen, (_, at) => at + 1));
  assert(seen.length > 4_000, `${seen.length} events`);
  const events = asked.taskLog.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
  const { message, details } = events[0].error as { message: string; details?: string[] };
  assertEquals([message.length, details], [200, undefined]);
});

Deno.test("stats, agents and pipelines tell what there is", CLEAN, async () => {
  await using folder = await TempFolder.make();
  await using asked = await start(folder.path, new Script(1));
  await asked.ask("submit", { input: INPUT, wait_ms: 60_000 });
  const { uptime_ms, waiting, running, tasks } = await asked.ask("stats");
  assert(uptime_ms >= 0);
  assertEquals([waiting, running, tasks.done, tasks.dead], [0, 0, 1, 0]);
  assertEquals(await asked.ask("agents"), { agents: [] });
  const { pipelines } = await asked.ask("pipelines");
  assertEquals(pipelines[0].name, "report");
  assertEquals(
    pipelines[0].calls.map(({ name }: { name: string }) => name),
    ["collect", "analyze", "combine", "merge", "report"],
  );
});

Deno.test(
  "retry queues what is dead or cancelled, and those who wait see its end",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    await using asked = await start(folder.path, script);
    refuseMerge(script);
    const { task } = await asked.ask("submit", { input: INPUT, key: "k", wait_ms: 60_000 });
    const dead = await asked.ask("get", { task });
    assertEquals([dead.state, dead.stage], ["dead", "merge"]);
    const letGo = holdMerge(script);
    const queued = await asked.ask("retry", { task });
    assertEquals([queued.task, queued.state, queued.error], [task, "queued", null]);
    const waiting = asked.ask("result", { task, wait_ms: 600_000 });
    const events = asked.ask("events", { task, after: dead.events, wait_ms: 600_000 });
    assertEquals((await events).events[0].kind, "retried");
    assertEquals((await asked.ask("submit", { input: INPUT, key: "k" })).task, task);
    assertEquals((await asked.ask("result", { task })).result, null);
    for (const body of [{ task }, { task, from: "merge" }] as JsonObject[]) {
      assertEquals((await asked.refusal("retry", body)).code, "conflict");
    }
    letGo();
    assertEquals((await waiting).result, resultOf(1));
    assertEquals((await asked.refusal("retry", { task })).code, "already_final");
    assertEquals((await asked.refusal("retry", { task: "t0" })).code, "not_found");
  },
);

Deno.test(
  "retry that names the last event is done once, however often it is asked",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    await using asked = await start(folder.path, script);
    refuseMerge(script);
    const { task, events } = await asked.ask("submit", { input: INPUT, wait_ms: 60_000 });
    const body = { task, from: "merge", events };
    for (const other of [events - 1, events + 1]) {
      assertEquals((await asked.refusal("retry", { ...body, events: other })).code, "conflict");
    }
    const first = await asked.ask("retry", body);
    assertEquals([first.state, first.retried], ["queued", true]);
    await asked.ask("result", { task, wait_ms: 60_000 });
    const again = await asked.ask("retry", body);
    assertEquals([again.state, again.retried], ["dead", false], "it has failed once more");
    assertEquals(again, { ...await asked.ask("get", { task }), retried: false });

    script.before = () => undefined;
    await asked.ask("retry", { task, events: again.events });
    assertEquals((await asked.ask("result", { task, wait_ms: 60_000 })).state, "done");
    assertEquals((await asked.ask("retry", { task, events: again.events })).state, "done");
    const runs = script.calls.filter(({ op }) => op === "merge").map(({ id }) => id);
    assertEquals(runs, [`${task}.merge`, `${task}.r2.merge`, `${task}.r2.merge`]);
  },
);

Deno.test("retry asked many times at once is done once", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  await using asked = await start(folder.path, script);
  script.before = () => {
    throw new CodedError("handler_rejected", "Cannot");
  };
  const { task } = await asked.ask("submit", { input: INPUT, wait_ms: 60_000 });
  const letGo = holdMerge(script);
  const all = await Promise.allSettled(
    Array.from({ length: 5 }, () => asked.ask("retry", { task, from: "collect" })),
  );
  assertEquals(all.map(({ status }) => status).sort(), ["fulfilled", ...Array(4).fill("rejected")]);
  for (const one of all) if (one.status === "rejected") assertEquals(one.reason.code, "conflict");
  letGo();
  assertEquals((await asked.ask("result", { task, wait_ms: 60_000 })).state, "done");
  assertEquals(script.calls.filter(({ id }) => id === `${task}.r2.collect.0`).length, 1);
});

Deno.test(
  "retry refuses where no further task may wait, and the task stays as it is",
  CLEAN,
  async () => {
    await using folder = await TempFolder.make();
    const script = new Script(1);
    const letGo = holdMerge(script);
    await using asked = await start(folder.path, script, 1);
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      ids.push((await asked.ask("submit", { input: INPUT })).task);
      if (n < 2) await until(() => asked.scheduler.waiting === 0, "it runs");
    }
    await asked.ask("cancel", { task: ids[2] });
    await asked.ask("submit", { input: INPUT });
    assertEquals((await asked.refusal("retry", { task: ids[2] })).code, "queue_full");
    assertEquals((await asked.ask("get", { task: ids[2] })).state, "cancelled");
    letGo();
  },
);

Deno.test("submit and retry are refused while the disk is full, and what is known is told", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const letGo = holdMerge(script);
  await using asked = await start(folder.path, script);
  const { task } = await asked.ask("submit", { input: INPUT, key: "a" });
  await asked.ask("cancel", { task });
  letGo();
  Object.defineProperty(asked.taskLog, "full", { get: () => true });
  const bodies = { submit: { input: INPUT }, retry: { task } };
  for (const [type, body] of Object.entries(bodies)) {
    const { code, afterMs } = await asked.refusal(type, body);
    assertEquals([code, afterMs], ["storage_full", 1_000], type);
  }
  assertEquals((await asked.ask("submit", { input: INPUT, key: "a" })).task, task);
  assertEquals((await asked.ask("get", { task })).state, "cancelled");
});

Deno.test("why tells what a task waits for and what became of it", CLEAN, async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const letGo = holdMerge(script);
  await using asked = await start(folder.path, script);
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push((await asked.ask("submit", { input: INPUT })).task);
  for (const id of ids.slice(0, 2)) await atMerge(asked, id);
  const running = await asked.ask("why", { task: ids[0] });
  assertEquals([running.task, running.state], [ids[0], "running"]);
  assert(/^merge began \d+ ms ago$/.test(running.because[0]), running.because[0]);
  const { because: [waiting] } = await asked.ask("why", { task: ids[2] });
  assert(
    /^waiting .* its turn: 2 of 2 slots are taken, no tasks are ahead$/.test(waiting),
    waiting,
  );
  letGo();
  await asked.ask("result", { task: ids[2], wait_ms: 60_000 });
  const { state, because } = await asked.ask("why", { task: ids[2] });
  assertEquals([state, /^done /.test(because[0]), because.length], ["done", true, 10]);
  assertEquals((await asked.refusal("why", { task: "t0" })).code, "not_found");
});

Deno.test("pause and resume take a name that there is, twice as well as once", CLEAN, async () => {
  await using folder = await TempFolder.make();
  {
    await using asked = await start(folder.path, new Script(1));
    const first = await asked.ask("pause", { pipeline: "report" });
    assertEquals(first, { pipeline: "report", paused: first.paused });
    assertEquals(await asked.ask("pause", { pipeline: "report" }), first);
    assertEquals((await asked.ask("pipelines")).pipelines[0].paused, first.paused);
    const bodies: JsonObject[] = [{ pipeline: "knit" }, { agent: "report" }, {
      pipeline: "__proto__",
    }];
    for (const body of bodies) {
      for (const type of ["pause", "resume"]) {
        assertEquals((await asked.refusal(type, body)).code, "not_found");
      }
    }
    const { task } = await asked.ask("submit", { input: INPUT, key: "k" });
    const { state, because } = await asked.ask("why", { task });
    assertEquals(state, "queued");
    assert(because[0].includes(`pipeline report is paused since ${first.paused}`), because[0]);
  }
  await using asked = await start(folder.path, new Script(1));
  assertEquals((await asked.ask("submit", { input: INPUT, key: "k", wait_ms: 1 })).state, "queued");
  const resumed = { pipeline: "report", paused: null };
  assertEquals(await asked.ask("resume", { pipeline: "report" }), resumed);
  assertEquals(await asked.ask("resume", { pipeline: "report" }), resumed);
  assertEquals(
    (await asked.ask("submit", { input: INPUT, key: "k", wait_ms: 60_000 })).state,
    "done",
  );
});
