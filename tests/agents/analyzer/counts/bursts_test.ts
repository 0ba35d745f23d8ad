import { assertEquals } from "@std/assert";
import { findBursts } from "../../../../agents/analyzer/counts/bursts.ts";

function timelineOf(records: number[]) {
  return {
    step_ms: 1000,
    points: records.map((n, index): [number, number, number] => [index * 1000, n, 0]),
  };
}

Deno.test("findBursts() finds the step that stands out", () => {
  const timeline = timelineOf([10, 12, 9, 11, 10, 90, 10, 11]);
  assertEquals(findBursts(timeline), [{ at: 5000, records: 90, usual: 10.5 }]);
});

Deno.test("findBursts() finds none in small counts, even loads and short timelines", () => {
  assertEquals(findBursts(timelineOf([1, 1, 1, 1, 1, 9, 1])), []);
  assertEquals(findBursts(timelineOf([50, 60, 55, 52, 58, 70, 49])), []);
  assertEquals(findBursts(timelineOf([1, 1, 900])), []);
  assertEquals(findBursts(null), []);
});
