import { assertEquals, assertStringIncludes } from "@std/assert";
import { drawing, percent, swatch } from "../../../../agents/reporter/html/drawing.ts";

Deno.test("percent() stays within the drawing and is short", () => {
  assertEquals([0, 1 / 3, 1].map(percent), ["0%", "33.333%", "100%"]);
  assertEquals([-1, 7].map(percent), ["0%", "100%"]);
});

Deno.test("drawing() has its label as title and for screen readers, escaped", () => {
  const { text } = drawing(8, "a < b", null);
  assertStringIncludes(text, 'role="img"');
  assertStringIncludes(text, 'aria-label="a &lt; b"><title>a &lt; b</title>');
});

Deno.test("swatch() names its colour in words too", () => {
  assertStringIncludes(swatch("err", "errors").text, "</svg>errors</span>");
});
