/**
 * One run of one task: the stages of its pipeline, in order.
 *
 * What must hold: the reply to a call is in the log before the next call begins, and a call whose
 * reply is in the log is never made again. So a run begins wherever the log says that the task stands.
 *
 * @module
 */
import type { JsonObject } from "../../lib/json.ts";
import { callWithRetry } from "./attempt.ts";
import type { Call, Pipeline } from "./pipelines.ts";
import type { RunContext } from "./run_context.ts";
import { runPages } from "./run_pages.ts";

/**
 * Runs a task to the end of its pipeline and returns the result.
 *
 * @throws {CodedError} the error that ends the run
 */
export async function runTask(
  { stages }: Pipeline,
  context: RunContext,
): Promise<JsonObject> {
  const { task, taskLog, answerBudget } = context;
  let value = taskLog.input(task)!;
  let first = 0;
  for (const [at, stage] of stages.entries()) {
    const output = stage.kind === "call" ? taskLog.calls.output(task, stage.call.name) : undefined;
    if (output !== undefined) [value, first] = [output, at + 1];
  }
  answerBudget.begin(task, taskLog.calls.outputBytes(task));
  try {
    for (const stage of stages.slice(first)) {
      value = stage.kind === "call"
        ? await runCall(context, stage.call, value)
        : await runPages(context, stage, value);
    }
    return value;
  } finally {
    answerBudget.end(task);
  }
}

async function runCall(context: RunContext, call: Call, body: JsonObject): Promise<JsonObject> {
  const { task, taskLog: { calls }, system: { clock } } = context;
  const begun = clock.now();
  calls.started(task, call.name);
  const output = await callWithRetry(context, call, body);
  await calls.done(task, call.name, output, Math.round(clock.now() - begun));
  return output;
}
