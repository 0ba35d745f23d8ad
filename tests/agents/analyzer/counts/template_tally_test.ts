import { assertEquals } from "@std/assert";
import {
  EXAMPLE_CHARS_MAX,
  TALLY_TEMPLATES_MAX,
  TEMPLATES_MAX,
} from "../../../../agents/analyzer/bounds.ts";
import { TemplateTally } from "../../../../agents/analyzer/counts/template_tally.ts";

/** A word of letters only, so that it is neither masked nor clustered by mistake. */
function wordOf(n: number): string {
  return [...String(n)].map((digit) => "abcdefghij"[Number(digit)]).join("");
}

Deno.test("TemplateTally.add() keeps the worst level, the first example and both ends in time", () => {
  const tally = new TemplateTally();
  tally.add("t", "info", 5, "first");
  tally.add("t", "error", 3, "second");
  tally.add("t", "info", null, "third");
  tally.add("t", "info", 9, "fourth");
  assertEquals(tally.build().templates, [
    { text: "t", level: "error", count: 4, first_at: 3, last_at: 9, example: "first" },
  ]);
});

Deno.test("TemplateTally.add() takes the time of a later record if the first has none", () => {
  const tally = new TemplateTally();
  tally.add("t", "none", null, "first");
  tally.add("t", "none", 4, "second");
  const [{ first_at, last_at }] = tally.build().templates;
  assertEquals([first_at, last_at], [4, 4]);
});

Deno.test("TemplateTally.add() clips the example", () => {
  const tally = new TemplateTally();
  tally.add("t", "none", null, "x".repeat(2 * EXAMPLE_CHARS_MAX));
  assertEquals(tally.build().templates[0].example.length, EXAMPLE_CHARS_MAX);
});

Deno.test("TemplateTally drops the records of templates over its limit", () => {
  const tally = new TemplateTally();
  for (let n = 0; n < TALLY_TEMPLATES_MAX; n++) tally.add("t".repeat(n + 1), "none", null, "");
  tally.add("over", "none", null, "");
  tally.add("over", "none", null, "");
  tally.add("t", "none", null, "");
  assertEquals(tally.size, TALLY_TEMPLATES_MAX);
  const { templates, dropped } = tally.build();
  assertEquals(templates[0].count, 2);
  assertEquals(templates.reduce((sum, { count }) => sum + count, dropped), TALLY_TEMPLATES_MAX + 3);
});

Deno.test("TemplateTally.build() clusters only if there are too many templates", () => {
  const tally = new TemplateTally();
  for (let n = 0; n < TEMPLATES_MAX; n++) tally.add(`hello ${wordOf(n)} there`, "none", null, "");
  assertEquals(tally.build().templates.length, TEMPLATES_MAX);
  tally.add("hello zoe there", "none", null, "");
  const [{ text, count }] = tally.build().templates;
  assertEquals([text, count], ["hello <*> there", TEMPLATES_MAX + 1]);
});

Deno.test("TemplateTally.build() leaves out the rarest and counts their records", () => {
  const tally = new TemplateTally();
  const words = Array.from({ length: TEMPLATES_MAX + 1 }, (_, n) => `${wordOf(n)} happened`);
  for (const text of words) tally.add(text, "none", null, "");
  for (const text of words.slice(1)) tally.add(text, "none", null, "");
  tally.drop(5);
  const { templates, dropped } = tally.build();
  assertEquals(templates.length, TEMPLATES_MAX);
  assertEquals(templates.some(({ text }) => text === words[0]), false);
  assertEquals(dropped, 1 + 5);
});

Deno.test("TemplateTally.clear() forgets templates and dropped records", () => {
  const tally = new TemplateTally();
  tally.add("t", "none", null, "");
  tally.drop(5);
  tally.clear();
  assertEquals(tally.build(), { templates: [], dropped: 0 });
});
