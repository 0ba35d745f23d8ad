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
} from "../task_harness.ts";

const PAGES = 12;

/** A task of twelve pages that has died at a call. */
async function deadAt(open: OpenLog, name: string, script: Script): Promise<string> {
  const { task } = await open.log.create(newTask());
  await open.log.started(task);
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

/** Runs a task that is queued to its end; gives the ids that were asked, without the task. */
async function runOn(open: OpenLog, task: string, script: Script): Promise<string[]> {
  script.calls.length = 0;
  await open.log.started(task);
  const result = await runScript(open, task, script);
  assertEquals(result, resultOf(PAGES));
  await open.log.end(task, "done");
  assertEquals(open.log.calls.output(task, "report"), result);
  return script.names;
}

/** Agents that answer an id which they have answered as they did then, and another body not at all. */
function remembering(script: Script): Script["call"] {
  const answered = new Map<string, { body: string; answer: JsonObject }>();
  return async (agent, op, body, options) => {
    const text = JSON.stringify(body);
    const known = answered.get(options.id);
    if (known !== undefined && known.body !== text) throw new CodedError("conflict", options.id);
    if (known !== undefined) return known.answer;
    const answer = await script.call(agent, op, body, options);
    answered.set(options.id, { body: text, answer });
    return answer;
  };
}

Deno.test("a retry goes on with the call that failed, under its old id", async () => {
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
    assertEquals(await runOn(open, task, script), [...asked]);
  }
});

Deno.test("a retry goes on in whichever page failed, and makes no call again that is through", async () => {
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
    const names = await runOn(open, task, script);
    assert(names.some((asked) => asked.startsWith(name)), names.join(" "));
    assertEquals(new Set(names).size, names.length);
    assert(!names.some((name) => name.startsWith("r2")), names.join(" "));
  }
});

Deno.test("a retry from a call makes it and those behind it under new ids", async () => {
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
  assertEquals(script.names, ["r2.report"], "what goes on keeps its id");
  await open.log.cancelling(task);
  await open.log.end(task, "cancelled");
  await retry(open, task, "merge");
  assertEquals(await runOn(open, task, script), ["r3.merge", "r3.report"]);
  assertEquals(
    open.log.events(task, 0).filter(({ kind }) => kind === "retried").map((e) => e.stage),
    [
      "merge",
      undefined,
      "merge",
    ],
  );
});

Deno.test("a retry from a call of the pages begins with the first page, and counts them anew", async () => {
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
    const names = await runOn(open, task, script);
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

Deno.test("no retry meets a stale answer or a conflict at agents that remember", async () => {
  for (const from of [undefined, "collect", "analyze", "combine", "merge", "report"]) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    const script = new Script(PAGES);
    const call = remembering(script);
    const { task } = await open.log.create(newTask());
    await open.log.started(task);
    await runScript(open, task, script, { call });
    await open.log.cancelling(task);
    await open.log.end(task, "cancelled"); // when all is through, and answered
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

Deno.test("retryTask() refuses a call that there is none of, and one that was not reached", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const refusal = (task: string, from: string): Promise<CodedError> =>
    assertRejects(async () => await retryTask(log, log.get(task)!, REPORT, from), CodedError);
  const reached: [at: string, from: string[]][] = [
    ["collect.0", ["collect"]],
    ["analyze.0", ["collect", "analyze"]],
    ["combine", ["collect", "analyze", "combine"]],
    ["merge", ["collect", "analyze", "combine", "merge"]],
    ["report", ["collect", "analyze", "combine", "merge", "report"]],
  ];
  for (const [at, froms] of reached) {
    const task = await deadAt(open, at, new Script(PAGES));
    for (const from of ["collect", "analyze", "combine", "merge", "report"]) {
      if (froms.includes(from)) continue;
      const { code, message } = await refusal(task, from);
      assertEquals(code, "invalid_input", `${from} after ${at}`);
      assert(message.includes(froms.join(", ")), message);
    }
    for (const from of ["knit", "__proto__", "collect.0", ""]) {
      const { code, message } = await refusal(task, from);
      assertEquals([code, message.includes("collect, analyze, combine, merge, report")], [
        "invalid_input",
        true,
      ]);
    }
    assertEquals(log.get(task)!.state, "dead", "nothing was changed");
    await retry(open, task, froms.at(-1)!);
  }
  const { task: waiting } = await log.create(newTask());
  await log.end(waiting, "cancelled");
  assertEquals((await refusal(waiting, "collect")).code, "invalid_input", "it never began");
  await retry(open, waiting);
});

Deno.test("retryTask() of one page knows that nothing was combined", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await deadAt(open, "merge", new Script(1));
  const error = await assertRejects(
    async () => await retryTask(open.log, open.log.get(task)!, REPORT, "combine"),
    CodedError,
  );
  assertEquals(error.code, "invalid_input");
});
