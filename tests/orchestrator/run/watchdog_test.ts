import { assertEquals } from "@std/assert";
import type { Log } from "../../../lib/log.ts";
import type { State, Task } from "../../../orchestrator/tasks/task.ts";
import { Watchdog } from "../../../orchestrator/run/watchdog.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { StillClock } from "../task_harness.ts";

/** A watchdog that checks when the test calls `check()`, on tasks that the test makes up. */
function watch(log: Log) {
  const states = new Map<string, State>();
  const owned = new Set<string>();
  const adopted: string[] = [];
  const waits = new Map<string, number>();
  const watchdog = new Watchdog({
    taskLog: {
      *tasks() {
        for (const [task, state] of states) yield { task, state } as Task;
      },
    },
    scheduler: {
      owns: (task) => owned.has(task),
      adoptOrphan: (task) => void adopted.push(task),
      overdue: function* () {
        yield* waits;
      },
      expire: () => {},
    },
    maxWaitMs: 1_000,
    log,
    clock: { ...new StillClock(), every: () => () => {} },
  });
  return { watchdog, states, owned, adopted, waits };
}

// Seen to fail without the adoption, and with one check instead of two.
Deno.test("Watchdog adopts and logs a task that has no owner at two checks in a row", () => {
  const { log, logged } = recordLog();
  const { watchdog, states, owned, adopted } = watch(log);
  states.set("t1", "running").set("t2", "retry_wait").set("t3", "done").set("t4", "dead");
  owned.add("t1");
  watchdog.check();
  assertEquals(adopted, []);
  owned.add("t2"); // it was on its way from one owner to the next
  watchdog.check();
  assertEquals([adopted, watchdog.adopted], [[], 0]);
  owned.delete("t2");
  watchdog.check();
  watchdog.check();
  assertEquals([adopted, watchdog.adopted], [["t2"], 1]);
  assertEquals(logged.map(({ level, event, fields }) => [level, event, fields!.task]), [
    ["error", "task_orphaned", "t2"],
  ]);
});

Deno.test("Watchdog is overloaded while a task waits longer than `maxWaitMs`, and logs the task once", () => {
  const { log, logged } = recordLog();
  const { watchdog, waits } = watch(log);
  waits.set("t1", 0).set("t2", 1_000);
  watchdog.check();
  assertEquals([watchdog.overloaded, watchdog.oldestMs, logged.length], [false, 1_000, 0]);
  waits.set("t2", 1_001);
  watchdog.check();
  watchdog.check();
  assertEquals([watchdog.overloaded, watchdog.oldestMs], [true, 1_001]);
  assertEquals(logged.map(({ event, fields }) => [event, fields!.task]), [["task_overdue", "t2"]]);
  waits.delete("t2");
  watchdog.check();
  assertEquals([watchdog.overloaded, watchdog.oldestMs], [false, 0]);
});
