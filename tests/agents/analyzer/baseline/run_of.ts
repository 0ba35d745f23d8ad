import { finalize, type Findings } from "../../../../agents/analyzer/counts/finalize.ts";
import { Tally } from "../../../../agents/analyzer/counts/tally.ts";
import type { Level, Partial } from "../../../../agents/shapes.ts";

/** One run of a stream, by hand. */
export interface Run {
  readonly findings: Findings;
  readonly fields: Partial["fields"];
}

/** A run with records of each template, all of one level, and with numbers of each field. */
export function runOf(
  templates: Record<string, number>,
  numbers: Record<string, number[]> = {},
  level: Level = "info",
): Run {
  const tally = new Tally("app");
  for (const [text, count] of Object.entries(templates)) {
    tally.records += count;
    tally.addLevel(level, count);
    const template = { text, level, count, first_at: null, last_at: null, example: text };
    tally.templates.merge(template);
  }
  for (const [name, values] of Object.entries(numbers)) {
    for (const value of values) tally.fields.add(name, value);
  }
  const partial = tally.build();
  return { findings: finalize(partial, new Map()), fields: partial.fields };
}
