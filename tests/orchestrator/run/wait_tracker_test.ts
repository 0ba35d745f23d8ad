import { assertEquals } from "@std/assert";
import { WaitTracker } from "../../../orchestrator/run/wait_tracker.ts";
import { StillClock } from "../task_harness.ts";

Deno.test("WaitTracker is overdue by the wait that should have ended first", async () => {
  const clock = new StillClock();
  const tracker = new WaitTracker(clock);
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const waits = [tracker.within(1_000, first.promise), tracker.within(5_000, second.promise)];
  clock.ms = 1_000;
  assertEquals(tracker.overdueMs, 0);
  clock.ms = 1_400;
  assertEquals(tracker.overdueMs, 400);
  first.resolve();
  await waits[0];
  assertEquals(tracker.overdueMs, 0);
  second.resolve();
  await waits[1];
});

Deno.test("WaitTracker is overdue from its last wait on while it waits for nothing", async () => {
  const clock = new StillClock();
  const tracker = new WaitTracker(clock);
  clock.ms = 100;
  assertEquals(tracker.overdueMs, 100);
  const failed = Promise.reject(new TypeError("Cannot answer"));
  await tracker.within(5_000, failed).catch(() => {});
  assertEquals(tracker.overdueMs, 0);
  clock.ms = 300;
  assertEquals(tracker.overdueMs, 200);
});
