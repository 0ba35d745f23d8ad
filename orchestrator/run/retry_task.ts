/**
 * Tries a task again that is dead or cancelled.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import { callsOf, type Pipeline, type Stage } from "./pipelines.ts";
import type { Task } from "../tasks/task.ts";
import type { RetryPlan, TaskLog } from "../tasks/task_log.ts";

/**
 * Queues the task again: it goes on with the call that has failed, or begins anew with the call
 * `from`, and gives it as it stands then.
 *
 * @throws {CodedError} `invalid_input` where the task has no such call, or has not come to it
 * @throws {CodedError} what `TaskLog.retried` throws, and refuses a task of which too little is kept
 */
export function retryTask(
  log: TaskLog,
  { task: id }: Task,
  pipeline: Pipeline,
  from: string | undefined,
): Promise<Task> {
  if (from === undefined || log.input(id) === undefined) return log.retried(id);
  const known = callsOf(pipeline).map(({ name }) => name);
  if (!known.includes(from)) throw refused(`"${from}" is none of ${known.join(", ")}`);
  const reached = reachedCalls(log, id, pipeline);
  if (!reached.includes(from)) {
    throw refused(`${id} has not come to "${from}"; it has to ${reached.join(", ") || "none"}`);
  }
  return log.retried(id, planFrom(pipeline, from));
}

function planFrom(pipeline: Pipeline, from: string): RetryPlan {
  const at = pipeline.stages.findIndex((stage) => namesOf(stage).includes(from));
  const stages = pipeline.stages.slice(at);
  const all = callsOf(pipeline).map(({ name }) => name);
  return {
    from,
    calls: all.slice(all.indexOf(from)),
    // A stage of pages begins with its first page even where `from` is a later call of it: what
    // comes before that call keeps its ids and is answered from memory.
    outputs: stages.flatMap(namesOf),
    pages: stages.some(({ kind }) => kind === "pages"),
  };
}

/** The calls for which there is something to give to them. */
function reachedCalls(log: TaskLog, id: string, { stages }: Pipeline): string[] {
  const reached: string[] = [];
  let through = log.get(id)!.started_at !== null;
  for (const stage of stages) {
    if (!through) return reached;
    if (stage.kind === "call") {
      reached.push(stage.call.name);
      through = log.output(id, stage.call.name) !== undefined;
      continue;
    }
    const { source, each, combine } = stage;
    const combined = log.combination(id) !== undefined || log.parts(id, [combine.name]).length > 0;
    reached.push(source.name);
    if (log.page(id, 0) !== undefined) reached.push(each.name);
    if (combined) reached.push(combine.name);
    through = log.get(id)!.pages - 1 === log.lastPage(id);
  }
  return reached;
}

function namesOf(stage: Stage): string[] {
  return stage.kind === "call"
    ? [stage.call.name]
    : [stage.source.name, stage.each.name, stage.combine.name];
}

function refused(why: string): CodedError {
  return new CodedError("invalid_input", `Cannot retry from there: ${why}`, {
    details: [`from: ${why}`],
  });
}
