import { assert, assertEquals } from "@std/assert";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { PIPELINES } from "../../../orchestrator/run/pipelines.ts";
import type { RunContext } from "../../../orchestrator/run/run_context.ts";
import { runToEnd } from "../../../orchestrator/run/run_to_end.ts";
import type { TaskLog } from "../../../orchestrator/tasks/task_log.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { within } from "../../harness/waiting.ts";
import { contextOf, newTask, openLog, Script } from "../task_harness.ts";

/** Takes a new task through its slot; returns how it left the slot, the task and what was logged. */
async function run(
  log: TaskLog,
  script: Script,
  { pipeline, ...overrides }: Partial<RunContext> & { pipeline?: string } = {},
) {
  const { task } = await log.create(newTask(pipeline === undefined ? {} : { pipeline }));
  const { log: logger, logged } = recordLog();
  const context = contextOf(log, task, script, overrides);
  const outcome = await within(runToEnd(PIPELINES, logger, context), "the end of the run");
  return { outcome, task: log.get(task)!, logged };
}

/** A script whose call of `merge` throws. */
function failingMerge(error: Error): Script {
  const script = new Script(1);
  script.before = ({ op }) => {
    if (op === "merge") throw error;
  };
  return script;
}

Deno.test("runToEnd() ends a task done, with a headline of at most 500 characters", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = new Script(1);
  const call: RunContext["call"] = async (agent, op, ...rest) => {
    const reply = await script.call(agent, op, ...rest);
    return op === "report" ? { headline: "x".repeat(1_000) } : reply;
  };
  const { outcome, task, logged } = await run(open.log, script, { call });
  assertEquals([outcome, task.state, task.headline], ["ended", "done", "x".repeat(500)]);
  assertEquals(logged.map(({ event }) => event), ["task_done"]);
});

Deno.test("runToEnd() ends a task dead if a call fails for good", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = failingMerge(new CodedError("handler_rejected", "Cannot merge this"));
  const { outcome, task, logged } = await run(open.log, script);
  assertEquals([outcome, task.state, task.stage], ["ended", "dead", "merge"]);
  assertEquals(logged.map(({ event, fields }) => [event, fields.code]), [
    ["task_dead", "handler_rejected"],
  ]);
});

Deno.test("runToEnd() ends a task dead if its pipeline does not exist", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { outcome, task } = await run(open.log, new Script(1), { pipeline: "knit" });
  assertEquals([outcome, task.state, task.error!.code], ["ended", "dead", "unknown_pipeline"]);
});

Deno.test("runToEnd() logs an internal error with its stack, and ends the task dead", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const script = failingMerge(new TypeError("Cannot read x of y"));
  const { outcome, task, logged } = await run(open.log, script);
  assertEquals([outcome, task.state, task.error!.code], ["ended", "dead", "internal"]);
  assertEquals(logged.map(({ event }) => event), ["internal", "task_dead"]);
  assertEquals(logged[0].fields.task, task.task);
  assert(String(logged[0].fields.stack).includes("Cannot read x of y"));
});

Deno.test("runToEnd() logs an error in the end of a task, and does not try again", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  open.log.end = () => {
    throw new TypeError("Cannot move a task");
  };
  const { outcome, logged } = await run(open.log, new Script(1));
  assertEquals(outcome, "ended");
  assertEquals(logged.map(({ event }) => event), ["internal", "internal"]);
});

Deno.test("runToEnd() cancels a task that was being cancelled, without a call", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { started } = open.log;
  open.log.started = async (id) => {
    await open.log.cancelling(id);
    await started.call(open.log, id);
  };
  const script = new Script(1);
  const { outcome, task } = await run(open.log, script);
  assertEquals([outcome, task.state, script.names], ["ended", "cancelled", []]);
});

Deno.test("runToEnd() leaves a task that was stopped as it is", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const signal = AbortSignal.abort(new CodedError("draining", "Stopped"));
  const { outcome, task, logged } = await run(open.log, new Script(1), { signal });
  assertEquals([outcome, task.state, logged], ["stopped", "running", []]);
});

Deno.test("runToEnd() leaves a task as it is if the log could not write a step or its end", async () => {
  const full = () => Promise.reject(new CodedError("storage_full", "Cannot write in the journal"));
  for (const method of ["step", "end"] as const) {
    await using folder = await TempFolder.make();
    await using open = await openLog(folder.path);
    if (method === "step") open.log.calls.done = full;
    else open.log.end = full;
    const error = new CodedError("handler_rejected", "Cannot merge this");
    const script = method === "step" ? new Script(1) : failingMerge(error);
    const { outcome, task, logged } = await run(open.log, script);
    assertEquals([outcome, task.state, logged], ["not_written", "running", []]);
  }
});

Deno.test("runToEnd() goes on after an agent has replied `cancelled` or `storage_failed`", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  for (const code of ["cancelled", "storage_failed"] satisfies ErrorCode[]) {
    const script = new Script(1);
    script.before = ({ op }) => {
      const isFirst = script.names.filter((name) => name === "merge").length === 1;
      if (op === "merge" && isFirst) throw new CodedError(code, "Cannot answer");
    };
    const { outcome, task } = await run(open.log, script);
    assertEquals([outcome, task.state], ["ended", "done"]);
  }
});
