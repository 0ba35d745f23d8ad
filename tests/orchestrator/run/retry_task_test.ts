import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { retryTask } from "../../../orchestrator/run/retry_task.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import {
  nameOf,
  newTask,
  type OpenLog,
  openLog,
  REPORT,
  resultOf,
  runScript,
  Script,
  startTask,
} from "../task_harness.ts";

const PAGES = 12;

/** Makes a task that has died at a call; returns its id. */
async function deadAt(open: OpenLog, name: string, script: Script): Promise<string> {
  const task = await startTask(open.log);
  script.before = (call) => {
    if (call.op === name || nameOf(call) === name) {
      throw new CodedError("handler_rejected", `Cannot do ${name}`);
    }
  };
  const error = await assertRejects(() => runScript(open, task, script), CodedError);
  await open.log.end(task, "dead", { error });
  script.before = () => {};
  script.calls.length = 0;
  return task;
}

async function retry(open: OpenLog, task: string, from?: string): Promise<void> {
  assertEquals((await retryTask(open.log, open.log.get(task)!, REPORT, from)).state, "queued");
}

/** Runs a queued task to its end; returns the ids of its requests, without the task. */
async function runAgain(open: OpenLog, task: string, script: Script): Promise<string[]> {
  script.calls.length = 0;
  await open.log.started(task);
  const result = await runScript(open, task, script);
  assertEquals(result, resultOf(PAGES));
  await open.log.end(task, "done");
  assertEquals(open.log.calls.output(task, "report"), result);
  return script.names;
}

/** Agents that repeat their answer to an id, and reject the same id with another body. */
function remembering(script: Script): Script["call"] {
  const answered = new Map<string, { body: string; answer: JsonObject }>();
  return async (agent, op, body, options) => {
    const text = JSON.stringify(body);
    const before = answered.get(options.id);
    if (before !== undefined && before.body !== text) throw new CodedError("conflict", options.id);
    if (before !== undefined) return before.answer;
    const answer = await script.call(agent, op, body, options);
    answered.set(options.id, { body: text, answer });
    return answer;
  };
}

Deno.test("retryTask() goes on with the call that failed, under its old id", async () => {
  for (
    const [name, asked] of [
      ["merge", ["merge", "report"]],
      ["report", ["report"]],
      ["analyze.11", ["collect.11", "analyze.11", "merge", "report"]],
      ["collect.11", ["collect.11", "analyze.11", "merge", "report"]],
    ] as const
  ) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const script = new Script(PAGES);
    const task = await deadAt(open, name, script);
    assertEquals(open.log.get(task)!.stage, name.split(".")[0]);
    await retry(open, task);
    assertEquals(await runAgain(open, task, script), [...asked]);
  }
});

Deno.test("retryTask() goes on in the page that failed, and repeats no call that is done", async () => {
  for (const name of ["collect.0", "analyze.0", "analyze.7", "combine", "analyze.11"]) {
    await using folder = await TempFolder.make();
    const script = new Script(PAGES);
    let task: string;
    {
      await using open = await openLog(folder.path);
      task = await deadAt(open, name, script);
      assertEquals(open.log.get(task)!.stage, name.split(".")[0]);
      await retry(open, task);
    }
    await using open = await openLog(folder.path);
    const names = await runAgain(open, task, script);
    assert(names.some((other) => other.startsWith(name)), names.join(" "));
    assertEquals(new Set(names).size, names.length);
    assert(!names.some((name) => name.startsWith("r2")), names.join(" "));
  }
});

Deno.test("retryTask() from a call makes that call and all after it under new ids", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(PAGES);
  const task = await deadAt(open, "report", script);
  await retry(open, task, "merge");
  await open.log.started(task);
  script.before = ({ op }) => {
    if (op === "report") throw new CodedError("handler_rejected", "Cannot");
  };
  const error = await assertRejects(() => runScript(open, task, script), CodedError);
  await open.log.end(task, "dead", { error });
  assertEquals(script.names, ["r2.merge", "r2.report"]);
  script.before = () => {};
  await retry(open, task);
  await open.log.started(task);
  script.calls.length = 0;
  await runScript(open, task, script);
  assertEquals(script.names, ["r2.report"], "a call that goes on keeps its id");
  await open.log.cancelling(task);
  await open.log.end(task, "cancelled");
  await retry(open, task, "merge");
  assertEquals(await runAgain(open, task, script), ["r3.merge", "r3.report"]);
  assertEquals(
    open.log.events(task, 0).filter(({ kind }) => kind === "retried").map((e) => e.stage),
    [
      "merge",
      undefined,
      "merge",
    ],
  );
});

Deno.test("retryTask() from a call of the pages begins with the first page, and counts pages from 0", async () => {
  for (
    const [from, own] of [["collect", []], ["analyze", ["collect"]], [
      "combine",
      ["collect", "analyze"],
    ]] as const
  ) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const script = new Script(PAGES);
    const task = await deadAt(open, "report", script);
    await retry(open, task, from);
    assertEquals(open.log.get(task)!.pages, 0);
    const names = await runAgain(open, task, script);
    assertEquals(open.log.get(task)!.pages, PAGES);
    for (const name of names) {
      const old = (own as readonly string[]).includes(name.split(".")[0]);
      assertEquals(name.startsWith("r2."), !old, name);
    }
    for (const op of ["collect", "analyze"]) {
      assertEquals(script.calls.filter((call) => call.op === op).length, PAGES);
    }
  }
});

Deno.test("retryTask() meets no stale answer and no conflict at agents that remember answers", async () => {
  for (const from of [undefined, "collect", "analyze", "combine", "merge", "report"]) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const script = new Script(PAGES);
    const call = remembering(script);
    const task = await startTask(open.log);
    await runScript(open, task, script, { call });
    await open.log.cancelling(task);
    await open.log.end(task, "cancelled"); // after all calls are done and answered
    await retry(open, task, from);
    await open.log.started(task);
    script.calls.length = 0;
    assertEquals(await runScript(open, task, script, { call }), resultOf(PAGES));
    if (from === undefined) assertEquals(script.names, []);
    else assert(script.names.every((name) => name.startsWith("r2.")), script.names.join(" "));
    const ran = script.calls.map(({ op }) => op);
    assertEquals(ran.includes("report"), from !== undefined);
    assertEquals(ran.includes("collect"), from === "collect");
  }
});

Deno.test("retryTask() rejects a call that does not exist, or that the task has not come to", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const refusal = (task: string, from: string): Promise<CodedError> =>
    assertRejects(async () => await retryTask(log, log.get(task)!, REPORT, from), CodedError);
  const reached: [diedAt: string, calls: string[]][] = [
    ["collect.0", ["collect"]],
    ["analyze.0", ["collect", "analyze"]],
    ["combine", ["collect", "analyze", "combine"]],
    ["merge", ["collect", "analyze", "combine", "merge"]],
    ["report", ["collect", "analyze", "combine", "merge", "report"]],
  ];
  for (const [diedAt, calls] of reached) {
    const task = await deadAt(open, diedAt, new Script(PAGES));
    for (const from of ["collect", "analyze", "combine", "merge", "report"]) {
      if (calls.includes(from)) continue;
      const { code, message } = await refusal(task, from);
      assertEquals(code, "invalid_input", `${from} after ${diedAt}`);
      assert(message.includes(calls.join(", ")), message);
    }
    for (const from of ["knit", "__proto__", "collect.0", ""]) {
      const { code, message } = await refusal(task, from);
      assertEquals([code, message.includes("collect, analyze, combine, merge, report")], [
        "invalid_input",
        true,
      ]);
    }
    assertEquals(log.get(task)!.state, "dead", "nothing was changed");
    await retry(open, task, calls.at(-1)!);
  }
  const { task: waiting } = await log.create(newTask());
  await log.end(waiting, "cancelled");
  assertEquals((await refusal(waiting, "collect")).code, "invalid_input", "the task has not begun");
  await retry(open, waiting);
});

Deno.test("retryTask() rejects `combine` if the task has combined nothing", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await deadAt(open, "merge", new Script(1));
  const error = await assertRejects(
    async () => await retryTask(open.log, open.log.get(task)!, REPORT, "combine"),
    CodedError,
  );
  assertEquals(error.code, "invalid_input");
});

Deno.test("retryTask() rejects the call after the pages while parts are being combined", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const task = await startTask(log);
  await log.pages.collected(task, 0, null);
  await log.pages.done(task, 0, "analyze", { seen: [] }, 1);
  await log.pages.combining(task, { parts: log.pages.parts(task).map(([key]) => key), page: 0 });
  await log.end(task, "dead");
  const merge = async () => await retryTask(log, log.get(task)!, REPORT, "merge");
  await assertRejects(merge, CodedError, "it has to collect, analyze, combine");
  await retry(open, task, "combine");
});
