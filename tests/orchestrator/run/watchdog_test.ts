import { assertEquals } from "@std/assert";
import type { Log } from "../../../lib/log.ts";
import { Queue } from "../../../orchestrator/run/queue.ts";
import type { State } from "../../../orchestrator/tasks/task.ts";
import { WaitTracker } from "../../../orchestrator/run/wait_tracker.ts";
import { Watchdog, type WatchdogOptions } from "../../../orchestrator/run/watchdog.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { StillClock } from "../task_harness.ts";

type TaskLike = ReturnType<WatchdogOptions["taskLog"]["tasks"]> extends Generator<infer T> ? T
  : never;

/** A watchdog that looks when the test says so, at tasks that the test makes up. */
function watch(log: Log) {
  const states = new Map<string, State>();
  const owned = new Set<string>();
  const adopted: string[] = [];
  const late = new Map<string, number>();
  const dog = new Watchdog({
    taskLog: {
      *tasks() {
        for (const [task, state] of states) yield { task, state } as TaskLike;
      },
    },
    scheduler: {
      owns: (task) => owned.has(task),
      adoptOrphan: (task) => void adopted.push(task),
      overdue: function* () {
        yield* late;
      },
      expire: () => {},
    },
    maxWaitMs: 1_000,
    log,
    clock: { ...new StillClock(), every: () => () => {} },
  });
  return { dog, states, owned, adopted, late };
}

// Seen to fail with `adopt` left out, and with one look instead of two.
Deno.test("Watchdog takes on a task that has had no owner twice in a row, and tells of it", () => {
  const { log, logged } = recordLog();
  const { dog, states, owned, adopted } = watch(log);
  states.set("t1", "running").set("t2", "retry_wait").set("t3", "done").set("t4", "dead");
  owned.add("t1");
  dog.check();
  assertEquals(adopted, []);
  owned.add("t2"); // it was on its way
  dog.check();
  assertEquals([adopted, dog.adopted], [[], 0]);
  owned.delete("t2");
  dog.check();
  dog.check();
  assertEquals([adopted, dog.adopted], [["t2"], 1]);
  assertEquals(logged.map(({ level, event, fields }) => [level, event, fields!.task]), [
    ["error", "task_orphaned", "t2"],
  ]);
});

Deno.test("Watchdog is behind while a task waits longer than its patience, and tells of it once", () => {
  const { log, logged } = recordLog();
  const { dog, late } = watch(log);
  late.set("t1", 0).set("t2", 1_000);
  dog.check();
  assertEquals([dog.overloaded, dog.oldestMs, logged.length], [false, 1_000, 0]);
  late.set("t2", 1_001);
  dog.check();
  dog.check();
  assertEquals([dog.overloaded, dog.oldestMs], [true, 1_001]);
  assertEquals(logged.map(({ event, fields }) => [event, fields!.task]), [["task_overdue", "t2"]]);
  late.delete("t2");
  dog.check();
  assertEquals([dog.overloaded, dog.oldestMs], [false, 0]);
});

Deno.test("Waits is late by what should have ended, and by the log when it waits for nothing", async () => {
  const clock = new StillClock();
  const waits = new WaitTracker(clock);
  clock.ms = 100;
  assertEquals(waits.overdueMs, 100);
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const both = [waits.within(1_000, first.promise), waits.within(5_000, second.promise)];
  clock.ms = 1_100;
  assertEquals(waits.overdueMs, 0);
  clock.ms = 1_500;
  assertEquals(waits.overdueMs, 400);
  first.resolve();
  await both[0];
  assertEquals(waits.overdueMs, 0);
  second.resolve();
  await both[1];
  clock.ms = 1_700;
  assertEquals(waits.overdueMs, 200);
});

Deno.test("Queue gives tasks in order, passes those by that may not begin, and tells who could have", () => {
  const clock = new StillClock();
  const paused = new Set<string>(["b"]);
  const queue = new Queue(clock.now, (task) => !paused.has(task));
  for (const task of ["a", "b", "c"]) queue.push(task);
  assertEquals(["a", "b", "c", "d"].map((task) => queue.ahead(task)), [0, 1, 1, undefined]);
  clock.ms = 50;
  assertEquals([...queue.waits()], [["a", 50], ["b", 0], ["c", 50]]);
  assertEquals([queue.take(), queue.take(), queue.take()], ["a", "c", undefined]);
  queue.putBack("a");
  paused.clear();
  clock.ms = 80;
  assertEquals([...queue.waits()], [["a", 30], ["b", 30]]);
  queue.delete("a");
  assertEquals([queue.size, queue.has("a"), queue.take()], [1, false, "b"]);
});
