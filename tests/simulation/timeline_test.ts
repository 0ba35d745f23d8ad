import { assert, assertEquals, assertRejects } from "@std/assert";
import { Dice } from "../harness/dice.ts";
import { Timeline } from "./timeline.ts";

/** Runs all scheduled events. */
async function runAll(timeline: Timeline): Promise<void> {
  await assertRejects(() => timeline.run(() => false, Infinity), Error, "Deadlock");
}

Deno.test("Timeline.run() calls events by time, then in the order of scheduling", async () => {
  const timeline = new Timeline();
  const dice = new Dice(1);
  const asked = Array.from({ length: 1_000 }, (_, number) => ({ ms: dice.below(50), number }));
  const called: typeof asked = [];
  for (const one of asked) {
    timeline.after(one.ms, () => {
      assertEquals(timeline.now, one.ms);
      called.push(one);
    });
  }
  await runAll(timeline);
  assertEquals(called, asked.toSorted((a, b) => a.ms - b.ms || a.number - b.number));
});

Deno.test("Timeline.run() runs all microtasks of an event before the next event", async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  timeline.after(1, async () => {
    for (let step = 0; step < 1_000; step++) await Promise.resolve();
    seen.push("microtasks of the first");
  });
  timeline.after(1, () => seen.push("the second"));
  await runAll(timeline);
  assertEquals(seen, ["microtasks of the first", "the second"]);
});

Deno.test("Timeline.after() returns a function that cancels the call", async () => {
  const timeline = new Timeline();
  const seen: number[] = [];
  const prevents = [3, 1, 2, 5, 4].map((ms) => timeline.after(ms, () => seen.push(ms)));
  prevents[0]();
  prevents[2]();
  await runAll(timeline);
  assertEquals(seen, [1, 4, 5]);
});

Deno.test("Timeline.run() throws if no event is scheduled any more", async () => {
  const timeline = new Timeline();
  timeline.after(5, () => {})();
  await assertRejects(() => timeline.run(() => false, 10), Error, "Deadlock at 0 ms");
});

Deno.test("Timeline.run() throws at its limit and can continue from there", async () => {
  const timeline = new Timeline();
  let called = false;
  timeline.after(15, () => called = true);
  await assertRejects(() => timeline.run(() => called, 10), Error, "Not over within 10 ms");
  assertEquals([timeline.now, called], [10, false]);
  await timeline.run(() => called, 10);
  assertEquals(timeline.now, 15);
});

Deno.test("Timeline.run() throws the error of a callback", async () => {
  const timeline = new Timeline();
  timeline.after(1, () => {
    throw new RangeError("here");
  });
  await assertRejects(() => timeline.run(() => false, 10), RangeError, "here");
});

Deno.test("Timeline.run() throws if virtual time no longer advances", async () => {
  const timeline = new Timeline();
  const again = (): void => void timeline.after(0, again);
  again();
  await assertRejects(() => timeline.run(() => false, 10), Error, "Time stands still at 0 ms");
});

Deno.test("Timeline.outside() stops time and delivers results in the order of the calls", async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  const digest = (bytes: number): Promise<ArrayBuffer> =>
    crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  timeline.after(1, () => {
    timeline.outside(digest(1_000_000)).then(() => seen.push(`large at ${timeline.now}`));
    timeline.outside(digest(1)).then(() => seen.push(`small at ${timeline.now}`));
    timeline.outside(Promise.reject("no")).catch((why) => seen.push(`${why} at ${timeline.now}`));
  });
  timeline.after(2, () => seen.push("next"));
  await runAll(timeline);
  assertEquals(seen, ["large at 1", "small at 1", "no at 1", "next"]);
});

Deno.test("Timeline.digest differs between different sequences of events", async () => {
  const digests: number[] = [];
  for (const ms of [1, 1, 2]) {
    const timeline = new Timeline();
    timeline.after(ms, () => {});
    await runAll(timeline);
    digests.push(timeline.digest);
  }
  assertEquals(digests[0], digests[1]);
  assert(digests[0] !== digests[2]);
});
