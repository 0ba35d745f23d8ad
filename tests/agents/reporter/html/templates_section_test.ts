import { assertEquals, assertStringIncludes } from "@std/assert";
import { Markup } from "../../../../agents/reporter/html/markup.ts";
import { templatesSection } from "../../../../agents/reporter/html/templates_section.ts";
import type { Analysis } from "../../../../agents/shapes.ts";
import { analysis, template } from "../sample.ts";

function sectionOf(changes: Partial<Analysis>): string {
  return (templatesSection(analysis(changes)) as Markup).text;
}

Deno.test("templatesSection() shows 15 templates, unfolds 35 and counts the others", () => {
  const templates = Array.from({ length: 60 }, (_, n) => template(`${n}`, `t${n}`, { count: 2 }));
  const text = sectionOf({ templates });
  const [visible, hidden] = text.split('<details class="more">');
  assertEquals(visible.match(/<tr><td|<tr>\n<td/g)?.length, 15);
  assertEquals(hidden.match(/<tr><td|<tr>\n<td/g)?.length, 35);
  assertStringIncludes(hidden, "45 more templates with 90 records");
  assertStringIncludes(hidden, "and 10 more templates");
});

Deno.test("templatesSection() unfolds an example only if it differs from the template", () => {
  const same = template("a", "same", { example: "same" });
  assertEquals(sectionOf({ templates: [same] }).includes("<details>"), false);
  const text = sectionOf({ templates: [template("b", "took <*>", { example: "took 3ms" })] });
  assertStringIncludes(text, "<summary><code>took &lt;*&gt;</code></summary>");
  assertStringIncludes(text, "<p><code>took 3ms</code></p>");
});

Deno.test("templatesSection() marks new templates and colours errors", () => {
  const text = sectionOf({
    templates: [template("a", "fine"), template("b", "bad", { level: "fatal", status: "new" })],
  });
  assertEquals(text.match(/<span class="chip new">/g)?.length, 1);
  assertEquals(text.match(/<rect class="err"/g)?.length, 1);
});

Deno.test("templatesSection() counts records of templates that were dropped, and is null if empty", () => {
  assertStringIncludes(sectionOf({ templates_dropped: 7 }), "7 records of rare templates left out");
  assertEquals(templatesSection(analysis({ templates: [] })), null);
});
