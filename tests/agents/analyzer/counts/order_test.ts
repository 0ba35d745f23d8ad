import { assertEquals } from "@std/assert";
import { byCount, compareText, rankCounts } from "../../../../agents/analyzer/counts/order.ts";

Deno.test("compareText() orders by UTF-16 units, whatever the locale", () => {
  assertEquals(["ä", "b", "Z", "a", "a"].sort(compareText), ["Z", "a", "a", "b", "ä"]);
});

Deno.test("byCount() orders by falling count, then by name", () => {
  const items = [{ n: "b", count: 1 }, { n: "c", count: 2 }, { n: "a", count: 1 }];
  assertEquals(byCount(items, ({ n }) => n).map(({ n }) => n), ["c", "a", "b"]);
});

Deno.test("rankCounts() orders by falling count, then by word", () => {
  assertEquals(rankCounts(new Map([["b", 1], ["c", 2], ["a", 1]])), [["c", 2], ["a", 1], ["b", 1]]);
});
