import { assertEquals } from "@std/assert";
import { Queue } from "../../../orchestrator/run/queue.ts";
import { StillClock } from "../task_harness.ts";

/** A queue of the tasks `a`, `b` and `c`, of which those in `paused` may not begin. */
function makeQueue(...paused: string[]) {
  const clock = new StillClock();
  const notBegin = new Set(paused);
  const queue = new Queue(clock.now, (task) => !notBegin.has(task));
  for (const task of ["a", "b", "c"]) queue.push(task);
  return { queue, clock, resume: () => notBegin.clear() };
}

Deno.test("take() returns tasks in order, past those that may not begin", () => {
  const { queue, resume } = makeQueue("b");
  assertEquals([queue.take(), queue.take(), queue.take()], ["a", "c", undefined]);
  assertEquals([queue.size, queue.has("a"), queue.has("b")], [1, false, true]);
  resume();
  assertEquals([queue.take(), queue.size], ["b", 0]);
});

Deno.test("putBack() puts a task first, and delete() takes any task out", () => {
  const { queue } = makeQueue();
  const first = queue.take()!;
  queue.putBack(first);
  queue.delete("b");
  assertEquals([queue.take(), queue.take(), queue.take()], ["a", "c", undefined]);
});

Deno.test("ahead() counts only tasks that may begin", () => {
  const { queue } = makeQueue("b");
  assertEquals(["a", "b", "c", "d"].map((task) => queue.ahead(task)), [0, 1, 1, undefined]);
});

Deno.test("waits() yields the time in which each task could have begun", () => {
  const { queue, clock, resume } = makeQueue("b");
  clock.ms = 50;
  assertEquals([...queue.waits()], [["a", 50], ["b", 0], ["c", 50]]);
  queue.take();
  queue.putBack("a");
  resume();
  clock.ms = 80;
  assertEquals([...queue.waits()], [["a", 30], ["b", 30], ["c", 80]]);
});
