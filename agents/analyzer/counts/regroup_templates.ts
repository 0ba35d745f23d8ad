/**
 * Counts of templates that turn out to be the same template.
 *
 * @module
 */
import { addCounts } from "../../add_counts.ts";
import type { TemplateCount } from "../../shapes.ts";
import { moreSevere } from "../records/level.ts";
import { compareText } from "./order.ts";

/**
 * Renames templates. Counts of templates that get the same text are joined.
 *
 * @param renamed old text to new text; a text that is absent keeps its name
 */
export function regroupTemplates(
  templates: Iterable<TemplateCount>,
  renamed: ReadonlyMap<string, string>,
): Map<string, TemplateCount> {
  const regrouped = new Map<string, TemplateCount>();
  for (const template of templates) {
    const text = renamed.get(template.text) ?? template.text;
    const known = regrouped.get(text);
    const own = { ...template, text };
    regrouped.set(text, known === undefined ? own : joinTemplates(known, own));
  }
  return regrouped;
}

/** Joins the counts of two templates that have the same text, the same in either order. */
export function joinTemplates(a: TemplateCount, b: TemplateCount): TemplateCount {
  return {
    text: a.text,
    level: moreSevere(a.level, b.level),
    count: addCounts(a.count, b.count),
    first_at: a.first_at === null || b.first_at === null
      ? a.first_at ?? b.first_at
      : Math.min(a.first_at, b.first_at),
    last_at: a.last_at === null || b.last_at === null
      ? a.last_at ?? b.last_at
      : Math.max(a.last_at, b.last_at),
    // Any rule works that picks the same example in either order.
    example: compareText(a.example, b.example) <= 0 ? a.example : b.example,
  };
}
