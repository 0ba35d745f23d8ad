import { CodedError } from "../../lib/errors.ts";
import type { Task } from "../tasks/task.ts";
import type { RetryPlan, TaskLog } from "../tasks/task_log.ts";
import { callsOf, callsOfStage, type Pipeline } from "./pipelines.ts";

/**
 * Queues a dead or cancelled task again and returns it. The task goes on with the call that has
 * failed or, if `from` is given, redoes that call and all after it.
 *
 * @throws {CodedError} `invalid_input` if the pipeline has no call `from`, or the task has not come to
 * it
 * @throws {CodedError} what `TaskLog.retry()` throws
 */
export function retryTask(
  taskLog: TaskLog,
  { task: id }: Task,
  pipeline: Pipeline,
  from: string | undefined,
): Promise<Task> {
  // Without an input there is no call to begin with: `TaskLog.retry()` says so.
  if (from === undefined || taskLog.input(id) === undefined) return taskLog.retry(id);
  const names = callsOf(pipeline).map(({ name }) => name);
  if (!names.includes(from)) throw cannotBeginAt(`"${from}" is none of ${names.join(", ")}`);
  const reached = reachedCalls(taskLog, id, pipeline);
  if (!reached.includes(from)) {
    const list = reached.join(", ") || "none";
    throw cannotBeginAt(`${id} has not come to "${from}"; it has to ${list}`);
  }
  return taskLog.retry(id, planFrom(pipeline, from));
}

function planFrom(pipeline: Pipeline, from: string): RetryPlan {
  const names = callsOf(pipeline).map(({ name }) => name);
  const at = pipeline.stages.findIndex((stage) =>
    callsOfStage(stage).some(({ name }) => name === from)
  );
  const stages = pipeline.stages.slice(at);
  return {
    from,
    calls: names.slice(names.indexOf(from)),
    outputs: stages.flatMap((stage) => stage.kind === "call" ? [stage.call.name] : []),
    // The pages go even if `from` is not their first call. The calls before `from` keep their request
    // ids, so agents answer them from memory.
    pages: stages.some(({ kind }) => kind === "pages"),
  };
}

/** Returns the calls of the task whose request bodies are known. */
function reachedCalls(taskLog: TaskLog, id: string, { stages }: Pipeline): string[] {
  const { calls, pages } = taskLog;
  const reached: string[] = [];
  let isDone = taskLog.get(id)!.started_at !== null;
  for (const stage of stages) {
    if (!isDone) return reached;
    if (stage.kind === "call") {
      reached.push(stage.call.name);
      isDone = calls.output(id, stage.call.name) !== undefined;
      continue;
    }
    const { source, each, combine } = stage;
    const isCombined = pages.combination(id) !== undefined ||
      pages.parts(id, combine.name).length > 0;
    reached.push(source.name);
    if (pages.get(id, 0) !== undefined) reached.push(each.name);
    if (isCombined) reached.push(combine.name);
    isDone = pages.allDone(id);
  }
  return reached;
}

function cannotBeginAt(why: string): CodedError {
  return new CodedError("invalid_input", `Cannot retry from there: ${why}`, {
    details: [`from: ${why}`],
  });
}
