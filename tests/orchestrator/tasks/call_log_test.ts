import { assertEquals } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { openLog, startTask } from "../task_harness.ts";

const FAILED = new CodedError("handler_failed", "x".repeat(1_000), {
  details: ["input: too long"],
});

Deno.test("setAffinity() is on disk when it resolves, until clearAffinity()", async () => {
  await using folder = await TempFolder.make();
  let task: string;
  {
    await using open = await openLog(folder.path);
    const { log: { calls } } = open;
    task = await startTask(open.log);
    await calls.setAffinity(task, `${task}.merge`, "analyzer-1:7102");
    await calls.setAffinity(task, `${task}.report`, "reporter-1:7103");
    await calls.setAffinity(task, `${task}.merge`, "analyzer-2:7102");
    assertEquals(calls.affinity(task, `${task}.merge`), "analyzer-2:7102");
  }
  {
    await using open = await openLog(folder.path);
    const { log: { calls } } = open;
    assertEquals(calls.affinity(task, `${task}.merge`), "analyzer-2:7102");
    calls.clearAffinity(task, `${task}.merge`);
  }
  await using open = await openLog(folder.path);
  const { log: { calls } } = open;
  assertEquals(calls.affinity(task, `${task}.merge`), undefined);
  assertEquals(calls.affinity(task, `${task}.report`), "reporter-1:7103");
});

Deno.test("started() notes one event, however often the call is started", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const task = await startTask(log);
  for (const stage of ["collect", "collect", "merge"]) log.calls.started(task, stage);
  await log.calls.done(task, "merge", { seen: [] }, 5);
  const events = log.events(task, 2).map(({ kind, stage }) => `${kind} ${stage}`);
  assertEquals(events, ["stage_started collect", "stage_started merge", "stage_done merge"]);
});

Deno.test("attemptFailed() keeps the whole error in the task, and a brief one in the event", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const task = await startTask(log);
  const failure = { attempts: 2, error: FAILED, waitMs: 200, page: 7 };
  log.calls.attemptFailed(task, "analyze", failure);
  await log.changed(task);
  const { state, failed_attempts, error } = log.get(task)!;
  assertEquals([state, failed_attempts, error!.details], ["retry_wait", 2, ["input: too long"]]);
  assertEquals(error!.message.length, 1_000);
  const event = log.events(task, 0).at(-1)!;
  assertEquals([event.stage, event.page, event.wait_ms], ["analyze", 7, 200]);
  assertEquals(String(event.error!.message).length, 200);
  assertEquals(event.error!.details, undefined);
});

Deno.test("attemptFailed() and resumed() leave a task that is being cancelled so", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const task = await startTask(log);
  await log.cancelling(task);
  log.calls.attemptFailed(task, "analyze", { attempts: 1, error: FAILED, waitMs: 200 });
  await log.changed(task);
  assertEquals(log.get(task)!.state, "cancelling");
  log.calls.resumed(task);
  await log.changed(task);
  assertEquals(log.get(task)!.state, "cancelling");
});

Deno.test("failed() notes the call with which the task ends", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log } = open;
  const task = await startTask(log);
  log.calls.started(task, "collect");
  await log.pages.collected(task, 0, null);
  log.calls.failed(task, "analyze");
  await log.end(task, "dead", { error: FAILED });
  assertEquals(log.get(task)!.stage, "analyze");
  assertEquals(log.events(task, 0).at(-1)!.stage, "analyze");
});
