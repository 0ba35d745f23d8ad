import { assert, assertEquals } from "@std/assert";
import { TEMPLATE_CHARS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { clipTemplate } from "../../../../agents/analyzer/templates/clip_template.ts";

Deno.test("clipTemplate() keeps a template that fits", () => {
  const fits = "x".repeat(TEMPLATE_CHARS_MAX);
  assertEquals(clipTemplate(fits), fits);
});

Deno.test("clipTemplate() ends a long template after a whole word, in a wildcard", () => {
  const clipped = clipTemplate("word ".repeat(100));
  assert(clipped.endsWith(" word <*>"), clipped);
  assert(clipped.length > TEMPLATE_CHARS_MAX - 10 && clipped.length <= TEMPLATE_CHARS_MAX);
});

Deno.test("clipTemplate() cuts a word that is too long by itself", () => {
  const clipped = clipTemplate("x".repeat(1000));
  assertEquals(clipped, "x".repeat(TEMPLATE_CHARS_MAX - 4) + " <*>");
});
