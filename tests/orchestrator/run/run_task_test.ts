import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { AnswerBudget } from "../../../orchestrator/run/answer_budget.ts";
import type { RunContext } from "../../../orchestrator/run/run_context.ts";
import type { TaskLog } from "../../../orchestrator/tasks/task_log.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";
import { unsyncedDisk } from "../../lib/disk/faulty_disk.ts";
import {
  openLog,
  resultOf,
  runScript,
  Script,
  type ScriptedCall,
  startTask,
} from "../task_harness.ts";

const CRASH = new CodedError("draining", "The machine stops here");

/** Fails if an id was sent with two bodies. */
function assertSameBodies(calls: readonly ScriptedCall[]): void {
  const bodies = new Map<string, unknown>();
  for (const { id, body } of calls) {
    if (bodies.has(id)) assertEquals(body, bodies.get(id), `the body of ${id}`);
    bodies.set(id, body);
  }
}

Deno.test("runTask() sends the reply to each call on to the next call", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(1);
  const task = await startTask(open.log);
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

Deno.test("runTask() begins no call after it was cancelled", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const aborter = new AbortController();
  const script = new Script(1);
  const task = await startTask(open.log);
  const callDone = open.log.calls.done.bind(open.log.calls);
  open.log.calls.done = async (...args) => {
    await callDone(...args);
    aborter.abort(new CodedError("cancelled", "Cancelled"));
  };
  const run = runScript(open, task, script, { signal: aborter.signal });
  assertEquals((await assertRejects(() => run, CodedError)).code, "cancelled");
  assertEquals(script.names, ["collect.0", "analyze.0", "merge"]);
});

/** Returns the names of the calls whose replies are in the log. */
function doneCalls(log: TaskLog, task: string, pages: number): Set<string> {
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

/**
 * Runs a task up to its call number `nth`, copies the folder as it is then, and goes on from the copy.
 * `reran` are the calls that were made again although their replies were in the log.
 */
async function crashAt(
  pages: number,
  nth: number,
  when: "before" | "after",
): Promise<{ calls: ScriptedCall[]; result: unknown; crashed: boolean; reran: string[] }> {
  await using folder = await TempFolder.make();
  const copy = `${folder.path}/copy`;
  const script = new Script(pages);
  let crashed = false;
  let task: string;
  {
    await using open = await openLog(folder.path);
    task = await startTask(open.log);
    const crash = Promise.withResolvers<void>();
    const aborter = new AbortController();
    script[when] = async (call) => {
      if (!crashed && script.calls.indexOf(call) !== nth) return;
      if (!crashed) await copyFolder(`${folder.path}/memory`, `${copy}/memory`);
      crashed = true;
      aborter.abort(CRASH);
      await crash.promise;
    };
    const run = runScript(open, task, script, { signal: aborter.signal });
    await run.catch((error) => assertEquals(error, CRASH));
    crash.resolve();
  }
  if (!crashed) return { calls: script.calls, result: undefined, crashed, reran: [] };
  const again = new Script(pages);
  await using open = await openLog(copy);
  const before = doneCalls(open.log, task, pages);
  const result = await runScript(open, task, again);
  const reran = again.names.filter((name) => before.has(name));
  return { calls: [...script.calls, ...again.calls], result, crashed, reran };
}

for (const pages of [5, 12]) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`runTask() has the same result after a crash ${when} the reply to any call of ${pages} pages`, async () => {
      using _ = unsyncedDisk();
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

Deno.test("runTask() releases the memory of its answers when it ends", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const answerBudget = new AnswerBudget();
  const filler = "x".repeat(2_000_000);
  const task = await startTask(open.log);
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

Deno.test("runTask() sends nothing if the replies to all calls are in the log", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  await runScript(open, task, new Script(2));
  const again = new Script(2);
  assertEquals(await runScript(open, task, again), resultOf(2));
  assertEquals(again.names, []);
});
