import { assertEquals, assertStringIncludes } from "@std/assert";
import { boxPlot } from "../../../../agents/reporter/html/box_plot.ts";

const FIELD = { name: "f", count: 9, min: 0, max: 100, mean: 5, p50: 50, p90: 75, p99: 90 };

function box(field: typeof FIELD): [x: string, width: string] {
  const [, x, width] = /<rect class="rec" x="([^"]*)" width="([^"]*)"/.exec(boxPlot(field).text)!;
  return [x, width];
}

Deno.test("boxPlot() reaches from p50 to p90 on a linear scale", () => {
  assertEquals(box(FIELD), ["50%", "25%"]);
  assertStringIncludes(boxPlot(FIELD).text, 'aria-label="min 0, p50 50, p90 75, p99 90, max 100"');
});

Deno.test("boxPlot() takes a logarithmic scale for a long tail, and says so", () => {
  const tail = { ...FIELD, p50: 2, p90: 4, p99: 8 };
  const [x] = box(tail);
  assertEquals(parseFloat(x) > 15, true, `2 of 100 at ${x}`);
  assertStringIncludes(boxPlot(tail).text, "logarithmic scale");
  assertEquals(boxPlot({ ...tail, p50: 2.1 }).text.includes("logarithmic"), false);
});

Deno.test("boxPlot() draws a constant field in the middle", () => {
  assertEquals(box({ ...FIELD, min: 7, max: 7, p50: 7, p90: 7, p99: 7 }), ["50%", "0%"]);
});

Deno.test("boxPlot() draws the widest range that numbers have", () => {
  const { text } = boxPlot({ ...FIELD, min: -1e308, max: 1e308, p50: 0, p90: 5e307, p99: 1e308 });
  assertEquals(/NaN|Infinity/.test(text), false);
});
