import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { AnswerBudget } from "../../../orchestrator/run/answer_budget.ts";
import { callWithRetry } from "../../../orchestrator/run/attempt.ts";
import type { RunContext } from "../../../orchestrator/run/run_context.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { until, within } from "../../harness/waiting.ts";
import { contextOf, openLog, Script, startTask, StillClock } from "../task_harness.ts";

const MERGE = { name: "merge", agent: "analyzer", op: "merge", timeoutMs: 60_000, attempts: 4 };
const BODY = { partials: [{ seen: ["a"] }] };
const REPLY = { seen: ["a"] };

/** Agents whose first `times` replies are this error. */
function failing(times: number, code: ErrorCode): Script {
  const script = new Script(1);
  script.before = () => {
    if (script.calls.length <= times) throw new CodedError(code, "Cannot merge", { afterMs: 0 });
  };
  return script;
}

Deno.test("callWithRetry() makes each attempt with the same id and body", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const script = failing(3, "handler_failed");
  assertEquals(await callWithRetry(contextOf(open.log, task, script), MERGE, BODY), REPLY);
  assertEquals(script.calls.map(({ id }) => id), Array(4).fill(`${task}.merge`));
  assertEquals(script.calls.map(({ body }) => body), Array(4).fill(BODY));
  await open.log.calls.done(task, "merge", REPLY, 1);
  const failures = open.log.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
  assertEquals(failures.map(({ stage, error }) => [stage, error!.code]), [
    ...Array(3).fill(["merge", "handler_failed"]),
  ]);
});

Deno.test("callWithRetry() puts the page after the name of the call in its request id", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const script = new Script(1);
  const context = contextOf(open.log, task, script);
  for (const page of [undefined, 0, 12]) await callWithRetry(context, MERGE, BODY, { page });
  const ids = ["merge", "merge.0", "merge.12"].map((name) => `${task}.${name}`);
  assertEquals(script.calls.map(({ id }) => id), ids);
});

Deno.test("callWithRetry() throws the error of the last attempt, and notes the call that failed", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const script = failing(99, "deadline_exceeded");
  const call = callWithRetry(contextOf(open.log, task, script), MERGE, BODY);
  const error = await assertRejects(() => call, CodedError);
  assertEquals(error.code, "deadline_exceeded");
  assertEquals(script.calls.length, 4);
  await open.log.end(task, "dead", { error });
  assertEquals(open.log.events(task, 0).at(-1)!.stage, "merge");
});

Deno.test("callWithRetry() makes one attempt if the code says that retrying is no use", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const codes: ErrorCode[] = [
    ...["invalid_input", "handler_rejected", "bad_output", "conflict"] as const,
    ...["unknown_type", "not_found", "line_too_long", "auth_failed"] as const,
  ];
  for (const code of codes) {
    const task = await startTask(open.log);
    const script = failing(99, code);
    const call = callWithRetry(contextOf(open.log, task, script), MERGE, BODY);
    assertEquals((await assertRejects(() => call, CodedError)).code, code);
    assertEquals(script.calls.length, 1, code);
  }
});

Deno.test("callWithRetry() waits for an agent that is away, at no cost in attempts", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const codes: ErrorCode[] = [
    ...["agent_unreachable", "busy", "draining", "paused", "queue_full"] as const,
    ...["storage_full", "storage_failed", "too_many_in_flight", "cancelled"] as const,
  ];
  for (const code of codes) {
    const task = await startTask(open.log);
    const script = failing(9, code);
    assertEquals(await callWithRetry(contextOf(open.log, task, script), MERGE, BODY), REPLY, code);
    assertEquals(script.calls.length, 10);
    await open.log.calls.done(task, "merge", REPLY, 1);
    const failures = open.log.events(task, 0).filter(({ kind }) => kind === "attempt_failed");
    assertEquals(failures.length, 1, "one absence is one event");
  }
});

Deno.test("callWithRetry() does not send to an agent that is paused, and costs no attempt", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const script = new Script(1);
  let polls = 0;
  const isPaused = (agent: string): boolean => {
    assertEquals([agent, script.calls.length], ["analyzer", 0]);
    return ++polls < 3;
  };
  assertEquals(
    await callWithRetry(contextOf(open.log, task, script, { isPaused }), MERGE, BODY),
    REPLY,
  );
  assertEquals([polls, script.calls.length], [3, 1]);
  assertEquals(open.log.events(task, 0).some(({ kind }) => kind === "attempt_failed"), false);
});

Deno.test("callWithRetry() ends with the task's time, even if the agent is away", async () => {
  await using folder = await TempFolder.make();
  const clock = new StillClock();
  await using open = await openLog(folder.path, { clock });
  const task = await startTask(open.log, { deadlineMs: 1_000 });
  const script = new Script(1);
  script.before = () => {
    clock.ms += 150;
    throw new CodedError("agent_unreachable", "Cannot reach any analyzer: hung up");
  };
  const call = callWithRetry(contextOf(open.log, task, script), MERGE, BODY);
  const error = await assertRejects(() => call, CodedError, "last error: Cannot reach any");
  assertEquals(error.code, "deadline_exceeded");
  assertEquals(
    script.calls.map(({ timeoutMs }) => timeoutMs),
    [1_000, 850, 700, 550, 400, 250, 100],
    "no attempt lasts beyond the task's time",
  );
});

Deno.test("callWithRetry() makes no attempt after the task's time", async () => {
  await using folder = await TempFolder.make();
  const clock = new StillClock();
  await using open = await openLog(folder.path, { clock });
  const task = await startTask(open.log, { deadlineMs: 1_000 });
  const script = new Script(1);
  clock.ms = 1_000;
  const call = callWithRetry(contextOf(open.log, task, script), MERGE, BODY);
  const error = await assertRejects(() => call, CodedError);
  assertEquals([error.code, script.calls], ["deadline_exceeded", []]);
});

Deno.test("callWithRetry() ends at once if the run is cancelled during an attempt", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const aborter = new AbortController();
  const script = new Script(1);
  const never = Promise.withResolvers<void>();
  script.before = () => {
    aborter.abort(new CodedError("cancelled", "Cancelled"));
    return never.promise;
  };
  const context = contextOf(open.log, task, script, { signal: aborter.signal });
  const call = within(callWithRetry(context, MERGE, BODY), "the cancel");
  assertEquals((await assertRejects(() => call, CodedError)).code, "cancelled");
  assert(script.calls[0].signal!.aborted, "the agent is asked to cancel it");
  await open.log.cancelling(task);
  assertEquals(open.log.get(task)!.stage, null, "the call has not failed");
});

Deno.test("callWithRetry() ends at once if the run is cancelled between two attempts", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const aborter = new AbortController();
  const script = new Script(1);
  script.before = () => {
    throw new CodedError("busy", "Cannot take it now", { afterMs: 500_000 });
  };
  const context = contextOf(open.log, task, script, { signal: aborter.signal });
  const call = within(callWithRetry(context, MERGE, BODY), "the cancel");
  const error = assertRejects(() => call, CodedError);
  await until(() => open.log.get(task)!.state === "retry_wait", "it waits");
  aborter.abort(new CodedError("cancelled", "Cancelled"));
  assertEquals([(await error).code, script.calls.length], ["cancelled", 1]);
});

Deno.test("callWithRetry() lets an attempt end after `stop`, and begins no other", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const stop = new AbortController();
  const script = new Script(1);
  script.before = () => stop.abort(new CodedError("handler_rejected", "Another page has failed"));
  const context = contextOf(open.log, task, script);
  const options = { stop: stop.signal };
  assertEquals(await callWithRetry(context, MERGE, BODY, options), REPLY);
  const second = callWithRetry(context, MERGE, BODY, options);
  await assertRejects(() => second, CodedError, "Another page");
  assertEquals(script.calls.length, 1);
});

Deno.test("callWithRetry() goes first to the address that may have the answer, also after a restart", async () => {
  await using folder = await TempFolder.make();
  const script = new Script(1);
  const affinities: (string | undefined)[] = [];
  const outcomes: ErrorCode[] = ["deadline_exceeded", "handler_failed"];
  const stopping = new AbortController();
  const call: RunContext["call"] = async (agent, op, body, options) => {
    affinities.push(options.affinity);
    await options.onChosen!(`analyzer-${affinities.length}:7102`);
    const code = outcomes.shift();
    if (code === "deadline_exceeded") stopping.abort(new CodedError("draining", "Stopped"));
    if (code === undefined) return await script.call(agent, op, body, options);
    throw new CodedError(code, "Cannot merge");
  };
  let task: string;
  {
    await using open = await openLog(folder.path);
    task = await startTask(open.log);
    const context = contextOf(open.log, task, script, { call, signal: stopping.signal });
    await assertRejects(() => callWithRetry(context, MERGE, BODY), CodedError, "Stopped");
  }
  await using open = await openLog(folder.path);
  await open.log.started(task);
  await callWithRetry(contextOf(open.log, task, script, { call }), MERGE, BODY);
  // The first address is kept over the restart; the second has replied that it holds no answer.
  assertEquals(affinities, [undefined, "analyzer-1:7102", undefined]);
});

Deno.test("callWithRetry() asks again for a reply that finds no memory", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  const answerBudget = new AnswerBudget();
  answerBudget.begin("first", 64 * 1024 * 1024);
  const script = new Script(1);
  script.after = () => {
    if (script.calls.length === 2) answerBudget.end("first");
  };
  const context = contextOf(open.log, task, script, { answerBudget });
  assertEquals(await callWithRetry(context, MERGE, BODY), REPLY);
  assertEquals(script.calls.length, 2);
});

Deno.test("callWithRetry() fails for good if the reply is too large for one task", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const task = await startTask(open.log);
  let calls = 0;
  const call: RunContext["call"] = () => {
    calls++;
    return Promise.resolve({ wide: Array.from({ length: 600_000 }, () => ({})) });
  };
  const context = contextOf(open.log, task, new Script(1), { call });
  const error = await assertRejects(() => callWithRetry(context, MERGE, BODY), CodedError);
  assertEquals([error.code, calls], ["bad_output", 1]);
});
