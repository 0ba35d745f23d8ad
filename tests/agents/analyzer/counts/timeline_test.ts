import { assert, assertEquals } from "@std/assert";
import { POINTS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { STEPS_MS, TimelineBuilder } from "../../../../agents/analyzer/counts/timeline.ts";
import { Dice } from "../../../harness/dice.ts";

function timelineOf(instants: number[]) {
  const builder = new TimelineBuilder();
  for (const at of instants) builder.add(at, 1, 0);
  return builder.build();
}

Deno.test("STEPS_MS are multiples of each other", () => {
  for (let index = 1; index < STEPS_MS.length; index++) {
    assertEquals(STEPS_MS[index] % STEPS_MS[index - 1], 0);
  }
});

Deno.test("TimelineBuilder.add() counts by the second and leaves gaps out", () => {
  const builder = new TimelineBuilder();
  builder.add(61_500, 1, 1);
  builder.add(1_200, 1, 0);
  builder.add(1_999, 1, 0);
  assertEquals(builder.build(), { step_ms: 1000, points: [[1000, 2, 0], [61_000, 1, 1]] });
});

Deno.test("TimelineBuilder.add() takes the smallest step with few enough points", () => {
  const seconds = (n: number) => Array.from({ length: n }, (_, index) => index * 1000);
  assertEquals(timelineOf(seconds(POINTS_MAX))?.step_ms, 1000);
  assertEquals(timelineOf(seconds(POINTS_MAX + 1))?.step_ms, 10_000);
});

Deno.test("TimelineBuilder.merge() has the same result in any order and grouping", () => {
  const dice = new Dice(3);
  const parts = Array.from(
    { length: 9 },
    (_, part) => Array.from({ length: 200 }, () => Math.floor(dice.next() * 10 ** (4 + part))),
  );
  const whole = timelineOf(parts.flat());
  for (let seed = 1; seed <= 5; seed++) {
    const order = new Dice(seed).shuffled(parts);
    const left = new TimelineBuilder();
    const right = new TimelineBuilder();
    order.forEach((part, index) => (index < seed ? left : right).merge(timelineOf(part)!));
    const both = new TimelineBuilder();
    both.merge(left.build()!);
    both.merge(right.build()!);
    assertEquals(both.build(), whole);
  }
});

Deno.test("TimelineBuilder.add() bounds the points of all instants that a Date can hold", () => {
  const instants = Array.from({ length: 2000 }, (_, index) => -8.64e15 + index * 8.64e12);
  const { points } = timelineOf(instants)!;
  assert(points.length > 1 && points.length <= POINTS_MAX);
});
