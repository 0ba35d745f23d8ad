import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { Pauses } from "../../../orchestrator/run/pauses.ts";
import { PIPELINES } from "../../../orchestrator/run/pipelines.ts";
import { Scheduler, type SchedulerOptions } from "../../../orchestrator/run/scheduler.ts";
import { isFinal } from "../../../orchestrator/tasks/task.ts";
import type { NewTask, TaskLog } from "../../../orchestrator/tasks/task_log.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { type Logged, recordLog } from "../../harness/recorded_log.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { until, within } from "../../harness/waiting.ts";
import { ended, fullDisk, newTask, openLog, resultOf, Script } from "../task_harness.ts";

interface Running extends AsyncDisposable {
  readonly log: TaskLog;
  readonly scheduler: Scheduler;
  readonly pauses: Pauses;
  readonly logged: Logged[];
  submit(overrides?: Partial<NewTask>): Promise<string>;
}

/** A scheduler on the log of a folder. */
async function start(
  folder: string,
  call: SchedulerOptions["call"],
  { concurrency = 2, queueMax = 100, inputBytesMax = undefined as number | undefined } = {},
): Promise<Running> {
  const open = await openLog(folder);
  const { log: taskLog } = open;
  const pauses = new Pauses(open.memory);
  const { log, logged } = recordLog();
  const scheduler = new Scheduler({
    taskLog,
    pipelines: PIPELINES,
    call,
    pauses,
    concurrency,
    queueMax,
    inputBytesMax,
    log,
  });
  return {
    log: taskLog,
    scheduler,
    pauses,
    logged,
    submit: async (overrides) =>
      (await scheduler.add(() => taskLog.create(newTask(overrides)))).task,
    async [Symbol.asyncDispose]() {
      await scheduler.stop(0);
      await open[Symbol.asyncDispose]();
    },
  };
}

/** Holds the calls of `op` until `open()`. */
function gate(script: Script, op: string): { open: () => void; held: () => number } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let held = 0;
  script.before = async (call) => {
    if (call.op !== op) return;
    held++;
    await promise;
  };
  return { open: resolve, held: () => held };
}

Deno.test("Scheduler runs `concurrency` tasks at once, in the order in which they were submitted", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 3 });
  const { scheduler, log } = running;
  const ids: string[] = [];
  for (let n = 0; n < 8; n++) ids.push(await running.submit());
  await until(() => merging.held() === 3, "three are at merge");
  assertEquals([scheduler.running, scheduler.waiting], [3, 5]);
  merging.open();
  const tasks = await Promise.all(ids.map((id) => ended(log, id)));
  assertEquals(
    tasks.map(({ state, headline }) => `${state} ${headline}`),
    Array(8).fill("done 1 pages"),
  );
  const collects = script.calls.filter(({ op }) => op === "collect");
  assertEquals(collects.map(({ id }) => id.split(".")[0]), ids);
  assertEquals(new Set(script.calls.map(({ id }) => id)).size, script.calls.length);
});

Deno.test("add() rejects tasks beyond `queueMax`, and counts those that are being written", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1, queueMax: 2 });
  await running.submit();
  await until(() => merging.held() === 1, "one task runs");
  const submits = await Promise.allSettled(Array.from({ length: 6 }, () => running.submit()));
  const refused = submits.filter((submit) => submit.status === "rejected");
  assertEquals(refused.map(({ reason }) => reason.code), Array(4).fill("queue_full"));
  assert(refused[0].reason.afterMs > 0);
  assertEquals(running.scheduler.waiting, 2);
  assertEquals([...running.log.tasks()].length, 3);
  merging.open();
  for (const { task } of running.log.tasks()) await ended(running.log, task);
  await running.submit();
});

Deno.test("add() rejects a task while the inputs of other tasks take `inputBytesMax`", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { inputBytesMax: 1_500 });
  const input = { text: "x".repeat(1_000) };
  const ids = [await running.submit({ input }), await running.submit({ input })];
  const refusal = await assertRejects(() => running.submit(), CodedError, "of memory");
  assertEquals(refusal.code, "queue_full");
  await until(() => merging.held() === 2, "both run");
  merging.open();
  for (const id of ids) await ended(running.log, id);
  await ended(running.log, await running.submit());
});

Deno.test("add() counts what inputs take in memory, not their length", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { inputBytesMax: 50_000 });
  await running.submit({ input: { many: Array(1_000).fill({}) } }); // 3,010 characters
  const { code } = await assertRejects(() => running.submit(), CodedError);
  assertEquals(code, "queue_full");
  merging.open();
});

Deno.test("cancel() ends a task that waits, before it has run", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { scheduler, log } = running;
  const first = await running.submit();
  const second = await running.submit();
  await scheduler.cancel(second);
  assertEquals(log.get(second)!.state, "cancelled");
  assertEquals(scheduler.waiting, 0);
  merging.open();
  assertEquals((await ended(log, first)).state, "done");
  assertEquals(script.calls.filter(({ id }) => id.startsWith(second)), []);
});

Deno.test("cancel() stops the calls of a task that runs, and the next task begins", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { scheduler, log } = running;
  const first = await running.submit();
  const second = await running.submit();
  await until(() => merging.held() === 1, "it is at merge");
  await within(scheduler.cancel(first), "the cancel");
  const { state, error, ended_at } = log.get(first)!;
  assertEquals([state, error!.code, ended_at === null], ["cancelled", "cancelled", false]);
  assertEquals(log.events(first, 0).slice(-2).map(({ kind }) => kind), ["cancelling", "cancelled"]);
  await until(() => merging.held() === 2, "the next task is at merge");
  merging.open();
  assertEquals((await ended(log, second)).state, "done");
});

Deno.test("cancel() that is called twice at once ends the task once", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { scheduler, log, logged } = running;
  const ids = [await running.submit(), await running.submit()];
  await until(() => merging.held() === 1, "one task runs and one waits");
  await Promise.all([...ids, ...ids].map((id) => scheduler.cancel(id)));
  for (const id of ids) {
    assertEquals(log.get(id)!.state, "cancelled");
    const kinds = log.events(id, 0).map(({ kind }) => kind);
    assertEquals(kinds.filter((kind) => kind === "cancelled").length, 1);
  }
  assertEquals(logged.filter(({ event }) => event === "internal"), []);
  merging.open();
});

Deno.test("cancel() leaves a task done that ends meanwhile", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  await using running = await start(folder.path, script.call);
  const { scheduler, log, logged } = running;
  const end = log.end.bind(log);
  let cancelled: Promise<void> | undefined;
  log.end = (...args) => {
    cancelled ??= scheduler.cancel(args[0]);
    return end(...args);
  };
  const id = await running.submit();
  assertEquals((await ended(log, id)).state, "done");
  await within(cancelled!, "the cancel");
  assertEquals(log.get(id)!.state, "done");
  assertEquals(logged.filter(({ event }) => event === "internal"), []);
});

Deno.test("cancel() that the disk does not take leaves the task in its place", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { scheduler, log } = running;
  const ids = [await running.submit(), await running.submit()];
  await until(() => merging.held() === 1, "one task runs and one waits");
  {
    using _ = fullDisk();
    for (const id of ids) {
      const error = await assertRejects(() => scheduler.cancel(id), CodedError);
      assertEquals(error.code, "storage_full");
    }
  }
  merging.open();
  for (const id of ids) assertEquals((await ended(log, id)).state, "done");
});

// The simulation found it: the cancel was answered with `internal`.
Deno.test("cancel() ends a task whose start the disk has not taken", async () => {
  await using folder = await TempFolder.make();
  await using running = await start(folder.path, new Script(1).call);
  const { scheduler, log } = running;
  const { started } = log;
  const failed = new CodedError("storage_full", "Cannot write in the journal");
  const tried = Promise.withResolvers<void>();
  log.started = () => {
    tried.resolve();
    return Promise.reject(failed);
  };
  const id = await running.submit();
  await tried.promise;
  await until(() => scheduler.running === 1, "it waits for the disk");
  log.started = started;
  await within(scheduler.cancel(id), "the cancel");
  assertEquals(log.get(id)!.state, "cancelled");
});

Deno.test("stop() waits for calls and begins none, and its tasks go on at the next start", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(2);
  const analyzing = gate(script, "analyze");
  const ids: string[] = [];
  {
    await using running = await start(folder.path, script.call, { concurrency: 2 });
    for (let n = 0; n < 4; n++) ids.push(await running.submit());
    await until(() => analyzing.held() === 4, "two tasks are at both of their pages");
    const stopped = running.scheduler.stop(20_000);
    await assertRejects(() => running.submit(), CodedError, "shutting down");
    analyzing.open();
    await within(stopped, "the stop");
    assertEquals(ids.map((id) => running.log.get(id)!.pages), [2, 2, 0, 0]);
    assertEquals(script.names.includes("merge"), false);
    assertEquals(running.scheduler.running, 0);
  }
  const asked = script.calls.length;
  await using running = await start(folder.path, script.call, { concurrency: 2 });
  for (const id of ids) assertEquals((await ended(running.log, id)).state, "done");
  assertEquals(script.names.slice(asked).filter((name) => name === "analyze.0").length, 2);
  assertEquals(
    new Set(script.calls.map(({ id }) => id)).size,
    script.calls.length,
    "no call twice",
  );
});

Deno.test("stop() aborts the calls that do not end in time, and the next start makes them again", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  gate(script, "merge");
  let id: string;
  {
    await using running = await start(folder.path, script.call);
    id = await running.submit();
    await until(() => script.names.includes("merge"), "it is at merge");
    await within(running.scheduler.stop(1), "the stop");
    assertEquals(isFinal(running.log.get(id)!.state), false);
  }
  const again = new Script(1);
  await using running = await start(folder.path, again.call);
  assertEquals((await ended(running.log, id)).headline, "1 pages");
  assertEquals(again.names, ["merge", "report"]);
});

Deno.test("Scheduler cancels a task that was being cancelled when the process ended", async () => {
  await using folder = await TempFolder.make();
  let id: string;
  {
    await using open = await openLog(folder.path);
    id = (await open.log.create(newTask())).task;
    await open.log.started(id);
    await open.log.cancelling(id);
  }
  const script = new Script(1);
  await using running = await start(folder.path, script.call);
  assertEquals((await ended(running.log, id)).state, "cancelled");
  assertEquals(script.names, []);
});

/** Runs a task while its write number `nth` fails; returns whether there was such a write. */
async function runWithFullDisk(disk: FaultyDisk, nth: number): Promise<boolean> {
  const pages = 4;
  await using folder = await TempFolder.make();
  const script = new Script(pages);
  await using running = await start(folder.path, script.call);
  let writes = 0;
  const before = disk.fault;
  disk.fault = (call) => {
    if (!call.path.startsWith(folder.path)) return before(call);
    if (call.op === "write" && ++writes === nth) throw systemError("ENOSPC");
  };
  const id = await running.submit().catch((error) => {
    assertEquals(error.code, "storage_full");
    return running.submit();
  });
  const { state, headline } = await ended(running.log, id);
  assertEquals([state, headline], ["done", `${pages} pages`], `the write that failed: ${nth}`);
  assertEquals(running.log.calls.output(id, "report"), resultOf(pages));
  const seqs = running.log.events(id, 0).map(({ seq }) => seq);
  assertEquals(seqs, seqs.map((_, at) => at + 1));
  const bodies = new Map<string, unknown>();
  for (const { id, body } of script.calls) {
    assertEquals(body, bodies.get(id) ?? body, `the body of ${id}`);
    bodies.set(id, body);
  }
  return writes >= nth;
}

Deno.test("Scheduler gets the same result of a task if the disk is full at any of its writes", async () => {
  using disk = new FaultyDisk();
  const runs = Array.from({ length: 40 }, (_, at) => runWithFullDisk(disk, at + 1));
  const failed = await Promise.all(runs);
  assert(failed.slice(0, 10).every(Boolean));
  assertEquals(failed.at(-1), false, "every write has failed once");
});

Deno.test("Scheduler goes on with other tasks after an internal error", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { log, logged } = running;
  const bad = new Set<string>();
  script.before = ({ id, op }) => {
    if (op === "merge" && bad.has(id.split(".")[0])) throw new TypeError("Cannot read x of y");
  };
  const first = await running.submit();
  bad.add(first);
  const second = await running.submit();
  const { state, error } = await ended(log, first);
  assertEquals([state, error!.code], ["dead", "internal"]);
  assertEquals((await ended(log, second)).state, "done");
  const [internal] = logged.filter(({ event }) => event === "internal");
  assertEquals(internal.fields.task, first);
  assert(String(internal.fields.stack).includes("Cannot read x of y"));
});

Deno.test("Scheduler ends a task dead at its turn if its time is over", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const first = await running.submit();
  await until(() => merging.held() === 1, "one task runs");
  const second = await running.submit({ deadlineMs: 1 });
  await until(() => running.log.remainingMs(second) <= 0, "its time is over");
  merging.open();
  await ended(running.log, first);
  const { state, error } = await ended(running.log, second);
  assertEquals([state, error!.code], ["dead", "deadline_exceeded"]);
  assertEquals(script.calls.filter(({ id }) => id.startsWith(second)), []);
});

Deno.test("expire() ends a task whose time is over, even if other tasks are before it", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { scheduler, log, pauses } = running;
  const first = await running.submit();
  await until(() => merging.held() === 1, "the only slot is taken");
  const waiting = await running.submit();
  const over = await running.submit({ deadlineMs: 1 });
  await pauses.pause("pipeline", "report");
  await until(() => log.remainingMs(over) <= 0, "its time is over");
  scheduler.expire();
  const { state, error } = await ended(log, over);
  assertEquals([state, error!.code], ["dead", "deadline_exceeded"]);
  assertEquals([log.get(first)!.state, log.get(waiting)!.state], ["running", "queued"]);
  await pauses.resume("pipeline", "report");
  merging.open();
  await ended(log, waiting);
});

Deno.test("owns() and overdue() know a task from its submission to its end", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { scheduler, log } = running;
  const ids = [await running.submit(), await running.submit()];
  await until(() => merging.held() === 1, "the only slot is taken");
  assertEquals(ids.map((id) => scheduler.owns(id)), [true, true]);
  const waits = new Map(scheduler.overdue());
  assertEquals([...waits.keys()].sort(), ids);
  assertEquals(waits.get(ids[0]), 0); // its call may take a minute
  assert(waits.get(ids[1])! > 0);
  merging.open();
  for (const id of ids) await ended(log, id);
  await until(() => scheduler.running === 0, "the last slot is free");
  assertEquals(ids.map((id) => scheduler.owns(id)), [false, false]);
});

Deno.test("dispatch() begins the tasks of a pipeline that was paused, which others have passed by", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const paused: string[] = [];
  {
    await using running = await start(folder.path, script.call);
    const { scheduler, pauses, log } = running;
    await pauses.pause("pipeline", "report");
    for (let n = 0; n < 2; n++) paused.push(await running.submit());
    const other = await running.submit({ pipeline: "knit" });
    assertEquals((await ended(log, other)).error!.code, "unknown_pipeline", "it has passed by");
    assertEquals(paused.map((id) => log.get(id)!.state), ["queued", "queued"]);
    await until(() => scheduler.running === 0, "its slot is free");
    assertEquals(scheduler.waiting, 2);
    const cancelled = await running.submit();
    await within(scheduler.cancel(cancelled), "the cancel of a task that waits");
  }
  await using running = await start(folder.path, script.call);
  assertEquals(running.scheduler.waiting, 2, "over a restart too");
  running.scheduler.dispatch();
  assertEquals([running.scheduler.waiting, script.names], [2, []]);
  await running.pauses.resume("pipeline", "report");
  running.scheduler.dispatch();
  for (const id of paused) assertEquals((await ended(running.log, id)).state, "done");
});

Deno.test("Scheduler cancels a task that was being cancelled even if its pipeline is paused", async () => {
  await using folder = await TempFolder.make();
  let id: string;
  {
    await using open = await openLog(folder.path);
    id = (await open.log.create(newTask())).task;
    await open.log.started(id);
    await open.log.cancelling(id);
    await new Pauses(open.memory).pause("pipeline", "report");
  }
  await using running = await start(folder.path, new Script(1).call);
  assertEquals((await ended(running.log, id)).state, "cancelled");
});

Deno.test("Scheduler sends nothing new to a paused agent, and loses no attempt", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(2);
  const analyzing = gate(script, "analyze");
  await using running = await start(folder.path, script.call);
  const { log, pauses } = running;
  const id = await running.submit();
  await until(() => analyzing.held() === 2, "both pages are with the analyzer");
  await pauses.pause("agent", "analyzer");
  analyzing.open();
  await until(() => log.get(id)!.stage === "merge", "it has come to merge");
  const second = await running.submit();
  await until(
    () => script.calls.some(({ id }) => id === `${second}.collect.1`),
    "another task collects meanwhile",
  );
  assertEquals(log.get(id)!.state, "running");
  assertEquals(script.names.filter((name) => !name.startsWith("collect")), [
    "analyze.0",
    "analyze.1",
  ]);
  await pauses.resume("agent", "analyzer");
  for (const task of [id, second]) {
    assertEquals((await ended(log, task)).state, "done");
    const kinds = log.events(task, 0).map(({ kind }) => kind);
    assertEquals(kinds.includes("attempt_failed"), false);
  }
});

Deno.test("Scheduler ends a task whose time is over while its agent is paused", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  await using running = await start(folder.path, script.call);
  await running.pauses.pause("agent", "collector");
  const id = await running.submit({ deadlineMs: 50 });
  const { state, error } = await ended(running.log, id);
  assertEquals([state, error!.code, script.names], ["dead", "deadline_exceeded", []]);
  assert(error!.message.includes("Cannot ask collector: it is paused"), error!.message);
});

Deno.test("stop() and cancel() do not wait for an agent that is paused", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const running = await start(folder.path, script.call);
  await running.pauses.pause("agent", "collector");
  const [first, second] = [await running.submit(), await running.submit()];
  await until(() => running.log.get(second)!.stage === "collect", "both wait");
  await within(running.scheduler.cancel(first), "the cancel");
  await within(running.scheduler.stop(600_000), "the stop");
  assertEquals(running.log.get(second)!.state, "running");
  await running[Symbol.asyncDispose]();
});

Deno.test("position() counts the tasks before a task, without those that run", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  const { scheduler, pauses, log } = running;
  const [first, second, third] = [
    await running.submit(),
    await running.submit(),
    await running.submit(),
  ];
  await until(() => merging.held() === 1, "one task runs");
  assertEquals(scheduler.position(first), undefined);
  assertEquals(scheduler.position(second), { ahead: 0, running: 1, slots: 1 });
  assertEquals(scheduler.position(third), { ahead: 1, running: 1, slots: 1 });
  const fourth = await running.submit({ pipeline: "knit" });
  await pauses.pause("pipeline", "report");
  assertEquals(scheduler.position(fourth), { ahead: 0, running: 1, slots: 1 });
  await pauses.resume("pipeline", "report");
  merging.open();
  await ended(log, third);
});

Deno.test("add() queues a retried task after those that wait, and a restart still runs it", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const merging = gate(script, "merge");
  let id: string;
  {
    await using running = await start(folder.path, script.call, { concurrency: 1 });
    const { scheduler, log } = running;
    id = await running.submit();
    await until(() => merging.held() === 1, "it runs");
    await scheduler.cancel(id);
    const others = [await running.submit(), await running.submit()];
    await scheduler.add(() => log.retry(id));
    assertEquals(scheduler.position(id)!.ahead, 1);
    assertEquals(scheduler.position(others[1])!.ahead, 0);
  }
  merging.open();
  await using running = await start(folder.path, script.call, { concurrency: 1 });
  for (const { task } of running.log.tasks()) {
    assertEquals((await ended(running.log, task)).state, "done");
  }
  assertEquals(running.log.get(id)!.headline, "1 pages");
});
