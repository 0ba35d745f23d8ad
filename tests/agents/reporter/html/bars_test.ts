import { assertEquals } from "@std/assert";
import { levelsBar, shareBar } from "../../../../agents/reporter/html/bars.ts";

/** The positions and widths of all rectangles of a class. */
function rectangles(text: string, kind: string): [x: string | undefined, width: string][] {
  const pattern = new RegExp(`<rect class="${kind}"(?: x="([^"]*)")? width="([^"]*)"`, "g");
  return [...text.matchAll(pattern)].map(([, x, width]) => [x, width]);
}

Deno.test("shareBar() fills its part of the scale", () => {
  const { text } = shareBar(0.1, 0.4, "rec");
  assertEquals(rectangles(text, "rec"), [[undefined, "25%"]]);
  assertEquals(text.includes('aria-label="10.0 %"'), true);
});

Deno.test("shareBar() is empty on an empty scale", () => {
  assertEquals(rectangles(shareBar(0, 0, "rec").text, "rec"), [[undefined, "0%"]]);
});

Deno.test("levelsBar() puts levels side by side, the most severe first", () => {
  const { text } = levelsBar({ info: 6, error: 3, none: 1 });
  assertEquals(rectangles(text, "l-error"), [["0%", "30%"]]);
  assertEquals(rectangles(text, "l-info"), [["30%", "60%"]]);
  assertEquals(rectangles(text, "l-none"), [["90%", "10%"]]);
  assertEquals(text.includes("Levels: error 30.0 %, info 60.0 %, none 10.0 %"), true);
});
