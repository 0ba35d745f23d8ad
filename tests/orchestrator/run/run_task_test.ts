import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { AnswerBudget } from "../../../orchestrator/run/answer_budget.ts";
import type { RunContext } from "../../../orchestrator/run/run_context.ts";
import type { TaskLog } from "../../../orchestrator/tasks/task_log.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";
import { until, within } from "../../harness/waiting.ts";
import {
  type Called,
  nameOf,
  newTask,
  openLog,
  REPORT,
  resultOf,
  runScript,
  Script,
  StillClock,
} from "../task_harness.ts";

const CRASH = new CodedError("draining", "The machine stops here");

/** Fails a call so many times. */
function failing(name: string, times: number, code: ErrorCode): Script["before"] {
  let left = times;
  return (call) => {
    if (nameOf(call) === name && left-- > 0) {
      throw new CodedError(code, `Cannot do ${name}`, { afterMs: 0 });
    }
  };
}

/** Each id was asked with one body, however often. */
function assertSameBodies(calls: readonly Called[]): void {
  const bodies = new Map<string, unknown>();
  for (const { id, body } of calls) {
    if (bodies.has(id)) assertEquals(body, bodies.get(id), `the body of ${id}`);
    bodies.set(id, body);
  }
}

Deno.test("runTask() asks for one page, then for what becomes of it", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(1);
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  assertEquals(await runScript(open, task, script), resultOf(1));
  assertEquals(script.calls.map(({ id, agent, op }) => `${id} ${agent} ${op}`), [
    `${task}.collect.0 collector collect`,
    `${task}.analyze.0 analyzer analyze`,
    `${task}.merge analyzer merge`,
    `${task}.report reporter report`,
  ]);
  assertEquals(script.calls.map(({ body }) => body), [
    { sources: [{ text: "one" }] },
    { text: "page 000" },
    { partials: [{ seen: ["page 000"] }] },
    { seen: ["page 000"] },
  ]);
});

Deno.test("runTask() hands the cursor on, and asks for a page only after the one before it", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(5);
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  assertEquals(await runScript(open, task, script), resultOf(5));
  const collects = script.calls.filter(({ op }) => op === "collect");
  assertEquals(collects.map(({ id, body }) => [id, body.cursor ?? null]), [
    [`${task}.collect.0`, null],
    ...[1, 2, 3, 4].map((at) => [`${task}.collect.${at}`, { at }]),
  ]);
  const analyzes = script.names.filter((name) => name.startsWith("analyze"));
  assertEquals(analyzes, [0, 1, 2, 3, 4].map((page) => `analyze.${page}`));
  assertEquals(script.names.slice(-2), ["merge", "report"]);
  assertEquals(open.log.get(task)!.pages, 5);
});

Deno.test("runTask() works on three pages at once and no more", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(7);
  let most = 0;
  let working = 0;
  const full = Promise.withResolvers<void>();
  script.before = async ({ op }) => {
    if (op !== "analyze") return;
    most = Math.max(most, ++working);
    await full.promise;
  };
  script.after = ({ op }) => {
    if (op === "analyze") working--;
  };
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const run = runScript(open, task, script);
  await until(() => working === 3, "three at once");
  for (let n = 0; n < 3; n++) await open.log.create(newTask()); // time for a fourth to come
  assertEquals(script.names.includes("collect.3"), false);
  full.resolve();
  assertEquals(await within(run, "the end"), resultOf(7));
  assertEquals(most, 3);
});

Deno.test("runTask() combines the parts where they become many, each page once", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(30);
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  assertEquals(await runScript(open, task, script), resultOf(30));
  const combines = script.calls.filter(({ op }) => op === "combine");
  assert(combines.length >= 3);
  for (const { id, body } of combines) {
    assert(/\.combine\.\d+$/.test(id));
    const { length } = body.partials as unknown[];
    assert(length >= 8 && length <= 11, `${length} parts in one call`);
  }
  assertEquals(new Set(script.names).size, script.names.length, "no call twice");
});

Deno.test("runTask() tries again, with the same id and body, as often as the call may fail", async () => {
  for (const name of ["collect.0", "analyze.1", "merge", "report"]) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const script = new Script(2);
    script.before = failing(name, 3, "handler_failed");
    const { task } = await open.log.create(newTask());
    await open.log.started(task);
    assertEquals(await runScript(open, task, script), resultOf(2));
    assertEquals(script.names.filter((called) => called === name).length, 4);
    assertSameBodies(script.calls);
    const failures = open.log.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
    assertEquals(failures.map(({ stage, error }) => [stage, error!.code]), [
      ...Array(3).fill([name.split(".")[0], "handler_failed"]),
    ]);
  }
});

Deno.test("runTask() gives up after the last try", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(1);
  script.before = failing("merge", 99, "deadline_exceeded");
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const error = await assertRejects(() => runScript(open, task, script), CodedError);
  assertEquals(error.code, "deadline_exceeded");
  assertEquals(script.names.filter((name) => name === "merge").length, 4);
});

Deno.test("runTask() does not try again where the code says no", async () => {
  const codes: ErrorCode[] = [
    ...["invalid_input", "handler_rejected", "bad_output", "conflict"] as const,
    ...["unknown_type", "not_found", "line_too_long", "auth_failed"] as const,
  ];
  for (const code of codes) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const script = new Script(1);
    script.before = failing("analyze.0", 99, code);
    const { task } = await open.log.create(newTask());
    await open.log.started(task);
    const error = await assertRejects(() => runScript(open, task, script), CodedError);
    assertEquals(error.code, code);
    assertEquals(script.names, ["collect.0", "analyze.0"], code);
  }
});

Deno.test("runTask() waits for an agent that is away, and that costs no tries", async () => {
  const codes: ErrorCode[] = [
    ...["agent_unreachable", "busy", "draining", "paused", "queue_full"] as const,
    ...["storage_full", "storage_failed", "too_many_in_flight", "cancelled"] as const,
  ];
  for (const code of codes) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const script = new Script(1);
    script.before = failing("report", 9, code);
    const { task } = await open.log.create(newTask());
    await open.log.started(task);
    assertEquals(await runScript(open, task, script), resultOf(1), code);
    assertEquals(script.names.filter((name) => name === "report").length, 10);
    const told = open.log.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
    assertEquals(told.length, 1, "one absence is one event");
  }
});

Deno.test("runTask() ends with the task's time, whoever is away", async () => {
  await using folder = await TempFolder.make();
  const clock = new StillClock();
  await using open = await openLog(folder.path, { clock });
  const script = new Script(1);
  script.before = ({ op }) => {
    if (op !== "merge") return;
    clock.ms += 150;
    throw new CodedError("agent_unreachable", "Cannot reach any analyzer: gone");
  };
  const { task } = await open.log.create(newTask({ deadlineMs: 1_000 }));
  await open.log.started(task);
  const error = await assertRejects(() => runScript(open, task, script), CodedError, "gone");
  assertEquals(error.code, "deadline_exceeded");
  assertEquals(
    script.calls.filter(({ op }) => op === "merge").map(({ timeoutMs }) => timeoutMs),
    [1_000, 850, 700, 550, 400, 250, 100],
    "an attempt is given no more than is left",
  );
});

Deno.test("runTask() begins nothing for a task whose time is over", async () => {
  await using folder = await TempFolder.make();
  const clock = new StillClock();
  await using open = await openLog(folder.path, { clock });
  const script = new Script(1);
  const { task } = await open.log.create(newTask({ deadlineMs: 1_000 }));
  await open.log.started(task);
  clock.ms = 1_000;
  const error = await assertRejects(() => runScript(open, task, script), CodedError);
  assertEquals([error.code, script.names], ["deadline_exceeded", []]);
});

Deno.test("runTask() ends at once when it is cancelled during a call", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const aborter = new AbortController();
  const script = new Script(1);
  const never = Promise.withResolvers<void>();
  script.before = ({ op }) => {
    if (op !== "analyze") return;
    aborter.abort(new CodedError("cancelled", "Cancelled"));
    return never.promise;
  };
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const run = runScript(open, task, script, { signal: aborter.signal });
  const error = await assertRejects(() => within(run, "the cancel"), CodedError);
  assertEquals(error.code, "cancelled");
  assert(script.calls.at(-1)!.signal!.aborted, "the agent is told");
});

Deno.test("runTask() ends at once when it is cancelled between two tries", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const aborter = new AbortController();
  const script = new Script(1);
  script.before = () => {
    throw new CodedError("busy", "Cannot take it now", { afterMs: 500_000 });
  };
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const run = runScript(open, task, script, { signal: aborter.signal });
  const ended = assertRejects(() => within(run, "the cancel"), CodedError);
  await until(() => open.log.get(task)!.state === "retry_wait", "it waits");
  aborter.abort(new CodedError("cancelled", "Cancelled"));
  assertEquals((await ended).code, "cancelled");
  assertEquals(script.names, ["collect.0"]);
});

Deno.test("runTask() begins no call once it is cancelled", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const aborter = new AbortController();
  const script = new Script(1);
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const callDone = open.log.calls.done.bind(open.log.calls);
  open.log.calls.done = async (...args) => {
    await callDone(...args);
    aborter.abort(new CodedError("cancelled", "Cancelled"));
  };
  const run = runScript(open, task, script, { signal: aborter.signal });
  assertEquals((await assertRejects(() => run, CodedError)).code, "cancelled");
  assertEquals(script.names, ["collect.0", "analyze.0", "merge"]);
});

Deno.test("runTask() keeps what is under way when it may not go on", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(4);
  let stopping = false;
  const stop = Promise.withResolvers<void>();
  script.before = async (call) => {
    if (nameOf(call) === "collect.2") stopping = true;
    if (stopping || call.op === "analyze") await stop.promise;
  };
  const assertRunning = (): void => {
    if (stopping) throw CRASH;
  };
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const run = runScript(open, task, script, { assertRunning });
  const ended = assertRejects(() => run, CodedError, "stops here");
  await until(() => stopping, "it stops");
  stop.resolve();
  await ended;
  const { log } = open;
  assertEquals([0, 1, 2].map((page) => log.pages.get(task, page)!.done), [true, true, false]);
  script.before = () => {};
  assertEquals(await runScript(open, task, script), resultOf(4));
  assertEquals(script.names.filter((name) => /^(collect|analyze)\.[01]$/.test(name)).length, 4);
});

Deno.test("two pages that fail at once end the run once, and leave nothing behind", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(4);
  const both = Promise.withResolvers<void>();
  let failing = 0;
  script.before = async ({ op }) => {
    if (op !== "analyze") return;
    if (++failing === 2) both.resolve();
    await both.promise;
    throw new CodedError("handler_rejected", "Cannot analyze this");
  };
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const error = await assertRejects(() => runScript(open, task, script), CodedError);
  assertEquals(error.code, "handler_rejected");
  const asked = script.calls.length;
  await open.log.end(task, "dead", { error });
  assertEquals(script.calls.length, asked);
  assertEquals(script.names.some((name) => name === "merge"), false);
});

Deno.test("a page that fails for good does not wait for the tries of the others", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(3);
  script.before = async (call) => {
    const name = nameOf(call);
    if (name === "analyze.0" || name === "collect.2") {
      throw new CodedError("busy", "Cannot take it now", { afterMs: 500_000 });
    }
    if (name !== "analyze.1") return;
    const waits = () => open.log.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
    await until(() => waits().length === 2, "the others wait");
    throw new CodedError("handler_rejected", "Cannot analyze this");
  };
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const run = within(runScript(open, task, script), "the end");
  assertEquals((await assertRejects(() => run, CodedError)).code, "handler_rejected");
});

Deno.test("a page that is done while another fails for good is kept", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(2);
  script.before = async (call) => {
    if (nameOf(call) === "analyze.1") throw new CodedError("handler_rejected", "Cannot");
    if (nameOf(call) === "analyze.0") {
      await until(() => script.names.includes("analyze.1"), "the other is asked");
    }
  };
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  await assertRejects(() => runScript(open, task, script), CodedError);
  assertEquals(open.log.pages.get(task, 0)!.done, true);
});

/** What of a task is through, as the names of its calls. */
function through(log: TaskLog, task: string, pages: number): Set<string> {
  const names = new Set<string>();
  const all = Array.from({ length: pages }, (_, page) => [`collect.${page}`, `analyze.${page}`]);
  for (const [page, calls] of all.entries()) {
    if (log.pages.get(task, page)?.done) { for (const name of calls) names.add(name); }
  }
  for (const [key] of log.pages.parts(task, "combine")) {
    names.add(`combine.${Number(key.split("/")[2])}`);
  }
  const merged = log.calls.output(task, "merge") !== undefined;
  const reported = log.calls.output(task, "report") !== undefined;
  if (merged || reported) { for (const name of all.flat()) names.add(name); }
  if (merged || reported) names.add("merge");
  if (reported) names.add("report");
  return names;
}

/** Runs until a call, copies the folder as it is then, and goes on from the copy. */
async function crashAt(
  pages: number,
  nth: number,
  when: "before" | "after",
): Promise<{ calls: Called[]; result: unknown; crashed: boolean; reran: string[] }> {
  await using folder = await TempFolder.make();
  const copy = `${folder.path}/copy`;
  const script = new Script(pages);
  let crashed = false;
  let task: string;
  {
    await using open = await openLog(folder.path);
    ({ task } = await open.log.create(newTask()));
    await open.log.started(task);
    const gone = Promise.withResolvers<void>();
    const aborter = new AbortController();
    script[when] = async (call) => {
      if (!crashed && script.calls.indexOf(call) !== nth) return;
      if (!crashed) await copyFolder(`${folder.path}/memory`, `${copy}/memory`);
      crashed = true;
      aborter.abort(CRASH);
      await gone.promise;
    };
    const run = runScript(open, task, script, { signal: aborter.signal });
    await run.catch((error) => assertEquals(error, CRASH));
    gone.resolve();
  }
  if (!crashed) return { calls: script.calls, result: undefined, crashed, reran: [] };
  const again = new Script(pages);
  await using open = await openLog(copy);
  const before = through(open.log, task, pages);
  const result = await runScript(open, task, again);
  const reran = again.names.filter((name) => before.has(name));
  return { calls: [...script.calls, ...again.calls], result, crashed, reran };
}

for (const pages of [5, 12]) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`a crash ${when} the answer to any call of ${pages} pages changes nothing`, async () => {
      let crashes = 0;
      for (let nth = 0;; nth++) {
        const { calls, result, crashed, reran } = await crashAt(pages, nth, when);
        if (!crashed) break;
        crashes++;
        assertEquals(result, resultOf(pages), `the result after a crash at call ${nth}`);
        assertEquals(reran, [], `what ran again after a crash at call ${nth}`);
        assertSameBodies(calls);
      }
      assert(crashes >= 2 * pages + 2);
    });
  }
}

Deno.test("after a crash the same parts are combined, whatever came in meanwhile", async () => {
  await using folder = await TempFolder.make();
  const copy = `${folder.path}/copy`;
  const script = new Script(10);
  let task: string;
  {
    await using open = await openLog(folder.path);
    ({ task } = await open.log.create(newTask()));
    await open.log.started(task);
    const { log } = open;
    const done = (page: number): boolean => log.pages.get(task, page)?.done === true;
    const aborter = new AbortController();
    const late = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    script.before = async (call) => {
      const name = nameOf(call);
      const eight = [0, 1, 2, 3, 4, 5, 6, 7];
      if (name === "collect.8") await until(() => eight.every(done), "eight pages are through");
      if (name === "analyze.8") await late.promise;
      if (call.op !== "combine") return;
      late.resolve();
      await until(() => done(8), "one more page is through");
      await copyFolder(`${folder.path}/memory`, `${copy}/memory`);
      aborter.abort(CRASH);
      await gone.promise;
    };
    await assertRejects(() => runScript(open, task, script, { signal: aborter.signal }));
    gone.resolve();
  }
  const again = new Script(10);
  await using open = await openLog(copy);
  assertEquals(await runScript(open, task, again), resultOf(10));
  assertEquals(again.names[0], script.names.at(-1), "it begins with what it was at");
  assertSameBodies([...script.calls, ...again.calls]);
});

Deno.test("a request goes first to the address that may have its answer, also after a restart", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  /** The affinity that each try of `merge` was given. */
  const affinities: (string | undefined)[] = [];
  const outcomes: ErrorCode[] = ["deadline_exceeded", "handler_failed"];
  const call: RunContext["call"] = async (agent, op, body, options) => {
    if (op !== "merge") return await script.call(agent, op, body, options);
    affinities.push(options.affinity);
    await options.onChosen!(`analyzer-${affinities.length}:7102`);
    const code = outcomes.shift();
    if (code === "deadline_exceeded") stopping.abort(new CodedError("draining", "Stopped"));
    if (code === undefined) return await script.call(agent, op, body, options);
    throw new CodedError(code, "Cannot merge");
  };
  const stopping = new AbortController();
  const { task } = await (async () => {
    await using open = await openLog(folder.path);
    const created = await open.log.create(newTask());
    await open.log.started(created.task);
    const run = runScript(open, created.task, script, { call, signal: stopping.signal });
    await assertRejects(() => run, CodedError, "Stopped");
    return created;
  })();
  await using open = await openLog(folder.path);
  await open.log.started(task);
  assertEquals(await runScript(open, task, script, { call }), resultOf(1));
  // The first one is remembered over the restart; the second has told that it holds nothing.
  assertEquals(affinities, [undefined, "analyzer-1:7102", undefined]);
});

Deno.test("runTask() ends a task whose pages have no end, and one whose cursor is too large", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  for (
    const [through, cursor, message] of [
      [19_998, "more", "more than 20000 pages"],
      [0, "x".repeat(70_000), "a cursor of more than 65536 bytes"],
    ] as const
  ) {
    const { task } = await open.log.create(newTask());
    await open.log.started(task);
    const pages = Array.from({ length: through }, (_, page) => [
      open.log.pages.collected(task, page, "more"),
      open.log.pages.done(task, page, "analyze", {}, 1),
    ]);
    await Promise.all(pages.flat());
    const asked: string[] = [];
    const call: RunContext["call"] = (_, op) => {
      if (op !== "collect") return Promise.resolve({});
      asked.push(op);
      return Promise.resolve({ text: "", cursor });
    };
    const ended = runScript(open, task, new Script(1), { call });
    const error = await assertRejects(() => ended, CodedError, message);
    assertEquals([error.code, asked.length], ["bad_output", through === 0 ? 1 : 2]);
  }
});

Deno.test("runTask() gives the room of its answers back", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const answerBudget = new AnswerBudget();
  const filler = "x".repeat(2_000_000);
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const script = new Script(20);
  const call: RunContext["call"] = async (agent, op, ...rest) => {
    const answer = await script.call(agent, op, ...rest);
    return op === "report" ? answer : { ...answer, filler };
  };
  assertEquals(await runScript(open, task, script, { call, answerBudget }), resultOf(20));
  for (const other of ["a", "b"]) {
    answerBudget.begin(other, 0);
    answerBudget.reserve(other, 32 * 1024 * 1024);
  }
});

Deno.test("runTask() asks again for what finds no room, and ends what is too much for one task", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const answerBudget = new AnswerBudget();
  answerBudget.begin("first", 64 * 1024 * 1024);
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  const script = new Script(1);
  script.after = ({ op }) => {
    if (op === "collect" && script.calls.length === 2) answerBudget.end("first");
  };
  assertEquals(await runScript(open, task, script, { answerBudget }), resultOf(1));
  assertEquals(script.names, ["collect.0", "collect.0", "analyze.0", "merge", "report"]);

  const { task: large } = await open.log.create(newTask());
  await open.log.started(large);
  const call: RunContext["call"] = () =>
    Promise.resolve({ wide: Array.from({ length: 600_000 }, () => ({})) });
  const ended = runScript(open, large, new Script(1), { answerBudget, call });
  assertEquals((await assertRejects(() => ended, CodedError)).code, "bad_output");
});

Deno.test("runTask() asks for nothing where all calls are in the log", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
  await runScript(open, task, new Script(2));
  const again = new Script(2);
  assertEquals(await runScript(open, task, again), resultOf(2));
  assertEquals(again.names, []);
});

Deno.test("the pipeline's calls have names of their own, so no two share a request id", () => {
  const names = REPORT.stages.flatMap((stage) =>
    stage.kind === "call"
      ? [stage.call.name]
      : [stage.source, stage.each, stage.combine].map((c) => c.name)
  );
  assertEquals(new Set(names).size, names.length);
});
