import { assertEquals } from "@std/assert";
import { bins } from "../../../../agents/reporter/content/bins.ts";
import { ticks } from "../../../../agents/reporter/html/ticks.ts";

Deno.test("bins() fills gaps with zeros", () => {
  const { stepMs, list } = bins({ step_ms: 10, points: [[100, 5, 1], [130, 2, 0]] }, 60);
  assertEquals(stepMs, 10);
  assertEquals(list.map(({ records }) => records), [5, 0, 0, 2]);
  assertEquals(list.map(({ at }) => at), [100, 110, 120, 130]);
});

Deno.test("bins() joins neighbours and loses no record", () => {
  const points = Array.from({ length: 1001 }, (_, i): [number, number, number] => [i * 10, 1, 1]);
  const { stepMs, list } = bins({ step_ms: 10, points }, 60);
  assertEquals(stepMs, 170);
  assertEquals(list.length <= 60, true);
  assertEquals(list.reduce((sum, { records }) => sum + records, 0), 1001);
  assertEquals(list.reduce((sum, { errors }) => sum + errors, 0), 1001);
});

Deno.test("bins() holds against no points, one point, far points and points in disorder", () => {
  assertEquals(bins({ step_ms: 10, points: [] }, 60).list, []);
  assertEquals(bins({ step_ms: 10, points: [[7, 1, 0]] }, 60).list.length, 1);
  for (const points of [[[0, 1, 0], [8e15, 2, 0]], [[9, 1, 0], [0, 2, 0]], [[-1e300, 3, 0]]]) {
    const { list } = bins({ step_ms: 1, points: points as [number, number, number][] }, 60);
    assertEquals(list.length <= 60, true);
    assertEquals(list.reduce((sum, { records }) => sum + records, 0), 3);
  }
});

Deno.test("ticks() stand at round times", () => {
  const start = Date.UTC(2026, 10, 23, 22, 10);
  const texts = ticks(start, start + 5 * 3_600_000, 8).map(({ text }) => text);
  assertEquals(texts, ["23:00", "11-24", "01:00", "02:00", "03:00"]);
  const seconds = ticks(start, start + 4000, 8).map(({ text }) => text);
  assertEquals(seconds, ["22:10:00", "22:10:01", "22:10:02", "22:10:03"]);
});

Deno.test("ticks() are few and inside, whatever the length", () => {
  for (const length of [1, 999, 1e5, 1e8, 1e11, 1e14, 1e300]) {
    const list = ticks(12345, 12345 + length, 8);
    assertEquals(list.length >= 1 && list.length <= 8, true, `${length}: ${list.length}`);
    assertEquals(list.every(({ part }) => part >= 0 && part < 1), true);
  }
});
