import { assertEquals } from "@std/assert";
import { takeWithin } from "../../../../agents/analyzer/counts/take_within.ts";

Deno.test("takeWithin() takes as many items as the count allows", () => {
  assertEquals(takeWithin([1, 2, 3], 2, 99), [1, 2]);
  assertEquals(takeWithin([1, 2, 3], 0, 99), []);
});

Deno.test("takeWithin() counts bytes of UTF-8 in JSON, with a comma for each item", () => {
  assertEquals(takeWithin(["€", "€"], 9, 12), ["€", "€"]);
  assertEquals(takeWithin(["€", "€"], 9, 11), ["€"]);
});

Deno.test("takeWithin() stops at the first item that does not fit", () => {
  const asked: number[] = [];
  const items = [1, 2, 333, 4].values().map((item) => {
    asked.push(item);
    return item;
  });
  assertEquals(takeWithin(items, 9, 7), [1, 2]);
  assertEquals(asked, [1, 2, 333]);
});
