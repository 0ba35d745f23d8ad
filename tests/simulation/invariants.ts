import type { Memory } from "../../lib/disk/memory.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { isFinal, type Task } from "../../orchestrator/tasks/task.ts";
import { countKey, partsOf } from "./roles.ts";
import type { Record } from "./sim_client.ts";

/** The key prefix under which agents store the values that their handlers set. */
const STATE_PREFIX = "state/";

/**
 * Compares the replies that clients received with the final state of the orchestrator. Every
 * acknowledged task must end exactly once, and every task must have been submitted by a client. The
 * checkers are `total-queue` and `set-full` of Jepsen (jepsen/src/jepsen/checker.clj).
 *
 * @param counter the memory of the agent that counts its calls
 * @returns a line for each violation
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
    findings.push(...checkEnd(record, task));
    for (const op of ["merge", "report"] as const) {
      const count = Number(counter.get(STATE_PREFIX + countKey(op, task.task)) ?? 0);
      counts[op] += count;
      // A cancelled task may have passed this stage or not.
      const min = task.state === "done" ? 1 : 0;
      if (count < min) findings.push(`${record.key} is done without its ${op}`);
      if (count > 1 + record.reruns) findings.push(`${record.key}: ${op} was done ${count} times`);
    }
  }
  for (const key of byKey.keys()) findings.push(`Nobody asked for ${key}`);
  for (const op of ["merge", "report"] as const) {
    const all = Number(counter.get(STATE_PREFIX + countKey(op, "all")) ?? 0);
    if (all !== counts[op]) findings.push(`${op} counts ${all} of ${counts[op]}`);
  }
  return findings;
}

/** Checks that a task ended in an allowed state and with the right result. */
function checkEnd({ key, wanted, cancelled, result, acknowledged }: Record, task: Task): string[] {
  const { state } = task;
  const findings: string[] = [];
  // If no client follows a task, nobody retries it after its mishaps, so it may be dead.
  const allowed = {
    done: !wanted.poison,
    dead: wanted.poison || cancelled || acknowledged !== "yes",
    cancelled,
  };
  if (!allowed[state as keyof typeof allowed]) {
    findings.push(`${key} is ${state}: ${task.error?.message}`);
  }
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
