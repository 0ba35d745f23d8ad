import { assertEquals } from "@std/assert";
import {
  joinTemplates,
  regroupTemplates,
} from "../../../../agents/analyzer/counts/regroup_templates.ts";
import type { TemplateCount } from "../../../../agents/shapes.ts";

function template(text: string, changes: Partial<TemplateCount> = {}): TemplateCount {
  return { text, level: "info", count: 1, first_at: null, last_at: null, example: "x", ...changes };
}

Deno.test("regroupTemplates() joins templates that get the same text and leaves the others", () => {
  const renamed = new Map([["hello ann", "hello <*>"], ["hello bob", "hello <*>"]]);
  const regrouped = regroupTemplates(
    ["hello ann", "bye", "hello bob"].map((t) => template(t)),
    renamed,
  );
  assertEquals([...regrouped], [
    ["hello <*>", template("hello <*>", { count: 2 })],
    ["bye", template("bye")],
  ]);
});

Deno.test("joinTemplates() joins the same in either order", () => {
  const a = template("t", { level: "warn", count: 2, first_at: 5, last_at: 6, example: "b" });
  const b = template("t", { level: "error", count: 3, first_at: 1, last_at: 9, example: "a" });
  const joined = template("t", { level: "error", count: 5, first_at: 1, last_at: 9, example: "a" });
  assertEquals([joinTemplates(a, b), joinTemplates(b, a)], [joined, joined]);
});

Deno.test("joinTemplates() takes the instants of the template that has some", () => {
  const timed = template("t", { first_at: 5, last_at: 6 });
  for (const joined of [joinTemplates(timed, template("t")), joinTemplates(template("t"), timed)]) {
    assertEquals([joined.first_at, joined.last_at], [5, 6]);
  }
});

Deno.test("joinTemplates() stops counting at the largest exact number", () => {
  const most = template("t", { count: Number.MAX_SAFE_INTEGER });
  assertEquals(joinTemplates(most, most).count, Number.MAX_SAFE_INTEGER);
});
