import { assertEquals } from "@std/assert";
import { binTimeline } from "../../../../agents/reporter/content/bins.ts";

Deno.test("binTimeline() fills gaps with zeros", () => {
  const { stepMs, bins } = binTimeline({ step_ms: 10, points: [[100, 5, 1], [130, 2, 0]] }, 60);
  assertEquals(stepMs, 10);
  assertEquals(bins.map(({ records }) => records), [5, 0, 0, 2]);
  assertEquals(bins.map(({ at }) => at), [100, 110, 120, 130]);
});

Deno.test("binTimeline() joins neighbours and loses no record", () => {
  const points = Array.from({ length: 1001 }, (_, i): [number, number, number] => [i * 10, 1, 1]);
  const { stepMs, bins } = binTimeline({ step_ms: 10, points }, 60);
  assertEquals(stepMs, 170);
  assertEquals(bins.length <= 60, true);
  assertEquals(bins.reduce((sum, { records }) => sum + records, 0), 1001);
  assertEquals(bins.reduce((sum, { errors }) => sum + errors, 0), 1001);
});

Deno.test("binTimeline() accepts no points, one point, far points and points in disorder", () => {
  assertEquals(binTimeline({ step_ms: 10, points: [] }, 60).bins, []);
  assertEquals(binTimeline({ step_ms: 10, points: [[7, 1, 0]] }, 60).bins.length, 1);
  for (const points of [[[0, 1, 0], [8e15, 2, 0]], [[9, 1, 0], [0, 2, 0]], [[-1e300, 3, 0]]]) {
    const { bins } = binTimeline({ step_ms: 1, points: points as [number, number, number][] }, 60);
    assertEquals(bins.length <= 60, true);
    assertEquals(bins.reduce((sum, { records }) => sum + records, 0), 3);
  }
});
