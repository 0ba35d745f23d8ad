import type { Memory } from "../../lib/disk/memory.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { isFinal, type Task } from "../../orchestrator/tasks/task.ts";
import { countKey, partsOf } from "./roles.ts";
import type { Record } from "./sim_client.ts";

/** Where agents keep what their handlers set. */
const STATE = "state/";

/**
 * Compares what clients were told with what is there at the end, after `total-queue` and `set-full` of
 * Jepsen (jepsen/src/jepsen/checker.clj): what went in must come out, once, and nothing else.
 *
 * @returns a line for everything that is not as it must be
 */
export function checkInvariants(
  records: readonly Record[],
  orchestrator: Orchestrator,
  counter: Memory,
): string[] {
  const findings: string[] = [];
  const byKey = new Map<string, Task>();
  for (const task of orchestrator.taskLog.tasks()) {
    if (!isFinal(task.state)) findings.push(`${task.task} is ${task.state}`);
    if (byKey.has(task.key!)) findings.push(`${task.key} has two tasks`);
    byKey.set(task.key!, task);
  }
  const counts = { merge: 0, report: 0 };
  for (const record of records) {
    const task = byKey.get(record.key);
    byKey.delete(record.key);
    if (task === undefined) {
      if (record.acknowledged === "yes") findings.push(`${record.key} is lost`);
      continue;
    }
    findings.push(...asTold(record, task));
    for (const op of ["merge", "report"] as const) {
      const count = Number(counter.get(STATE + countKey(op, task.task)) ?? 0);
      counts[op] += count;
      // What is cancelled may have been through it or not.
      const least = task.state === "done" ? 1 : 0;
      if (count < least) findings.push(`${record.key} is done without its ${op}`);
      if (count > 1 + record.reruns) findings.push(`${record.key}: ${op} was done ${count} times`);
    }
  }
  for (const key of byKey.keys()) findings.push(`Nobody asked for ${key}`);
  for (const op of ["merge", "report"] as const) {
    const all = Number(counter.get(STATE + countKey(op, "all")) ?? 0);
    if (all !== counts[op]) findings.push(`${op} counts ${all} of ${counts[op]}`);
  }
  return findings;
}

/** A task ends as it must, and with the right result. */
function asTold({ key, wanted, cancelled, result, acknowledged }: Record, task: Task): string[] {
  const { state } = task;
  const findings: string[] = [];
  // One that nobody follows may die of its mishaps, and is not tried again.
  const may = {
    done: !wanted.poison,
    dead: wanted.poison || cancelled || acknowledged !== "yes",
    cancelled,
  };
  if (!may[state as keyof typeof may]) findings.push(`${key} is ${state}: ${task.error?.message}`);
  if (state === "done" && acknowledged === "yes") {
    const parts = JSON.stringify(partsOf(wanted));
    if (JSON.stringify(result?.parts) !== parts) {
      findings.push(
        `${key} has a wrong result: ${JSON.stringify(result)} for ${JSON.stringify(wanted)}, ${
          JSON.stringify(task)
        }`,
      );
    }
  }
  return findings;
}
