import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { AnswerBudget } from "../../../orchestrator/run/answer_budget.ts";
import type { PagesStage } from "../../../orchestrator/run/pipelines.ts";
import type { RunContext } from "../../../orchestrator/run/run_context.ts";
import { runPages } from "../../../orchestrator/run/run_pages.ts";
import type { TaskLog } from "../../../orchestrator/tasks/task_log.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";
import { until, within } from "../../harness/waiting.ts";
import { contextOf, nameOf, openLog, REPORT, Script, startTask } from "../task_harness.ts";

const STAGE = REPORT.stages[0] as PagesStage;

/** Runs the stage of pages; returns which pages its parts have seen, in order. */
async function run(
  log: TaskLog,
  task: string,
  script: Script,
  overrides?: Partial<RunContext>,
): Promise<unknown[]> {
  const context = contextOf(log, task, script, overrides);
  const { partials } = await runPages(context, STAGE, log.input(task)!);
  return (partials as { seen: unknown[] }[]).flatMap(({ seen }) => seen).sort();
}

/** Returns what `run` does for a task that has seen each page once. */
function eachOnce(pages: number): string[] {
  return Array.from({ length: pages }, (_, page) => `page ${String(page).padStart(3, "0")}`);
}

function countOf({ names }: Script, prefix: string): number {
  return names.filter((name) => name.startsWith(prefix)).length;
}

Deno.test("runPages() asks for each page with the cursor of the page before it", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(5);
  const task = await startTask(open.log);
  assertEquals(await run(open.log, task, script), eachOnce(5));
  const collects = script.calls.filter(({ op }) => op === "collect");
  assertEquals(collects.map(({ id, body }) => [id, body.cursor ?? null]), [
    [`${task}.collect.0`, null],
    ...[1, 2, 3, 4].map((at) => [`${task}.collect.${at}`, { at }]),
  ]);
  const analyzes = script.names.filter((name) => name.startsWith("analyze"));
  assertEquals(analyzes, [0, 1, 2, 3, 4].map((page) => `analyze.${page}`));
  assertEquals(open.log.get(task)!.pages, 5);
});

Deno.test("runPages() works on three pages at once and no more", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(7);
  let max = 0;
  let working = 0;
  const gate = Promise.withResolvers<void>();
  script.before = async ({ op }) => {
    if (op !== "analyze") return;
    max = Math.max(max, ++working);
    await gate.promise;
  };
  script.after = ({ op }) => {
    if (op === "analyze") working--;
  };
  const task = await startTask(open.log);
  const pages = run(open.log, task, script);
  await until(() => working === 3, "three at once");
  for (let n = 0; n < 3; n++) await startTask(open.log); // time for a fourth page to come
  assertEquals(script.names.includes("collect.3"), false);
  gate.resolve();
  assertEquals(await within(pages, "the end"), eachOnce(7));
  assertEquals(max, 3);
});

Deno.test("runPages() combines parts when there are many, each page once", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(30);
  const task = await startTask(open.log);
  assertEquals(await run(open.log, task, script), eachOnce(30));
  const combines = script.calls.filter(({ op }) => op === "combine");
  assert(combines.length >= 3);
  for (const { id, body } of combines) {
    assert(/\.combine\.\d+$/.test(id));
    const { length } = body.partials as unknown[];
    assert(length >= 8 && length <= 11, `${length} parts in one call`);
  }
  assertEquals(new Set(script.names).size, script.names.length, "no call twice");
  assert(open.log.pages.parts(task).length <= 11);
});

Deno.test("runPages() combines the same parts after a crash, whatever came in meanwhile", async () => {
  await using folder = await TempFolder.make();
  const copy = `${folder.path}/copy`;
  const script = new Script(10);
  let task: string;
  {
    await using open = await openLog(folder.path);
    const { log } = open;
    task = await startTask(log);
    const isDone = (page: number): boolean => log.pages.get(task, page)?.done === true;
    const aborter = new AbortController();
    const late = Promise.withResolvers<void>();
    const crashed = Promise.withResolvers<void>();
    script.before = async (call) => {
      const name = nameOf(call);
      const eight = [0, 1, 2, 3, 4, 5, 6, 7];
      if (name === "collect.8") await until(() => eight.every(isDone), "eight pages are done");
      if (name === "analyze.8") await late.promise;
      if (call.op !== "combine") return;
      late.resolve();
      await until(() => isDone(8), "one more page is done");
      await copyFolder(`${folder.path}/memory`, `${copy}/memory`);
      aborter.abort(new CodedError("draining", "The machine stops here"));
      await crashed.promise;
    };
    await assertRejects(() => run(log, task, script, { signal: aborter.signal }));
    crashed.resolve();
  }
  const again = new Script(10);
  await using open = await openLog(copy);
  assertEquals(await run(open.log, task, again), eachOnce(10));
  const [interrupted, repeated] = [script.calls.at(-1)!, again.calls[0]];
  assertEquals([repeated.id, repeated.body], [interrupted.id, interrupted.body]);
});

Deno.test("runPages() keeps the replies under way when no new call may begin", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const script = new Script(4);
  let stopping = false;
  const gate = Promise.withResolvers<void>();
  script.before = async (call) => {
    if (nameOf(call) === "collect.2") stopping = true;
    if (stopping || call.op === "analyze") await gate.promise;
  };
  const assertRunning = (): void => {
    if (stopping) throw new CodedError("draining", "It stops here");
  };
  const task = await startTask(log);
  const stopped = assertRejects(
    () => run(log, task, script, { assertRunning }),
    CodedError,
    "stops here",
  );
  await until(() => stopping, "it stops");
  gate.resolve();
  await stopped;
  assertEquals([0, 1, 2].map((page) => log.pages.get(task, page)!.done), [true, true, false]);
  script.before = () => {};
  assertEquals(await run(log, task, script), eachOnce(4));
  for (const name of ["collect.0", "collect.1", "analyze.0", "analyze.1"]) {
    assertEquals(countOf(script, name), 1, name);
  }
});

Deno.test("runPages() ends once if two pages fail at once, and leaves no call behind", async () => {
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
  const task = await startTask(open.log);
  const error = await assertRejects(() => run(open.log, task, script), CodedError);
  assertEquals(error.code, "handler_rejected");
  const calls = script.calls.length;
  await open.log.end(task, "dead", { error });
  assertEquals(script.calls.length, calls);
});

Deno.test("runPages() does not wait for retries of other pages after a page has failed for good", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(3);
  const task = await startTask(open.log);
  const failures = () => open.log.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
  script.before = async (call) => {
    const name = nameOf(call);
    if (name === "analyze.0" || name === "collect.2") {
      throw new CodedError("busy", "Cannot take it now", { afterMs: 500_000 });
    }
    if (name !== "analyze.1") return;
    await until(() => failures().length === 2, "the others wait");
    throw new CodedError("handler_rejected", "Cannot analyze this");
  };
  const pages = within(run(open.log, task, script), "the end");
  assertEquals((await assertRejects(() => pages, CodedError)).code, "handler_rejected");
});

Deno.test("runPages() keeps a page that comes after another one has failed for good", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(2);
  script.before = async (call) => {
    if (nameOf(call) === "analyze.1") throw new CodedError("handler_rejected", "Cannot");
    if (nameOf(call) === "analyze.0") {
      await until(() => script.names.includes("analyze.1"), "page 1 is asked for");
    }
  };
  const task = await startTask(open.log);
  await assertRejects(() => run(open.log, task, script), CodedError);
  assertEquals(open.log.pages.get(task, 0)!.done, true);
});

Deno.test("runPages() fails if the source has no end, or a cursor is too large", async () => {
  for (
    const [done, cursor, message] of [
      [19_998, "more", "more than 20000 pages"],
      [0, "x".repeat(70_000), "a cursor of more than 65536 bytes"],
    ] as const
  ) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const task = await startTask(open.log);
    const { get } = open.log.pages;
    open.log.pages.get = (id, page) =>
      page < done ? { cursor: null, done: true } : get.call(open.log.pages, id, page);
    let collects = 0;
    const call: RunContext["call"] = (_, op): Promise<JsonObject> => {
      if (op !== "collect") return Promise.resolve({});
      collects++;
      return Promise.resolve({ text: "", cursor });
    };
    const pages = run(open.log, task, new Script(1), { call });
    const error = await assertRejects(() => pages, CodedError, message);
    assertEquals([error.code, collects], ["bad_output", done === 0 ? 1 : 2]);
  }
});

Deno.test("runPages() releases the memory of pages and parts that it has passed on", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const answerBudget = new AnswerBudget();
  const filler = "x".repeat(2_000_000);
  const task = await startTask(open.log);
  const script = new Script(20);
  const call: RunContext["call"] = async (agent, op, ...rest) => ({
    ...await script.call(agent, op, ...rest),
    filler,
  });
  answerBudget.begin(task, 0);
  // All replies take 80 MB; a task may hold 32 MiB.
  assertEquals(await run(open.log, task, script, { call, answerBudget }), eachOnce(20));
});
