import { assertEquals } from "@std/assert";
import { ticks } from "../../../../agents/reporter/html/ticks.ts";

Deno.test("ticks() stand at round times", () => {
  const start = Date.UTC(2026, 10, 23, 22, 10);
  const texts = ticks(start, start + 5 * 3_600_000, 8).map(({ text }) => text);
  assertEquals(texts, ["23:00", "11-24", "01:00", "02:00", "03:00"]);
  const seconds = ticks(start, start + 4000, 8).map(({ text }) => text);
  assertEquals(seconds, ["22:10:00", "22:10:01", "22:10:02", "22:10:03"]);
});

Deno.test("ticks() are few and within the axis, whatever its length", () => {
  for (const length of [1, 999, 1e5, 1e8, 1e11, 1e14, 1e300]) {
    const list = ticks(12345, 12345 + length, 8);
    assertEquals(list.length >= 1 && list.length <= 8, true, `${length}: ${list.length}`);
    assertEquals(list.every(({ fraction }) => fraction >= 0 && fraction < 1), true);
  }
});
