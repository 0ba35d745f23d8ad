import { assertEquals } from "@std/assert";
import { sparkline } from "../../../../agents/reporter/markdown/sparkline.ts";

Deno.test("sparkline() draws on a scale from zero", () => {
  assertEquals(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]), "▁▁▂▃▄▅▆▇█");
});

Deno.test("sparkline() draws nothing, one number and equal numbers", () => {
  assertEquals(sparkline([]), "");
  assertEquals(sparkline([5]), "█");
  assertEquals(sparkline([3, 3, 3]), "███");
  assertEquals(sparkline([0, 0]), "▁▁");
});
