import { assertEquals, assertThrows } from "@std/assert";
import {
  type Baseline,
  EMPTY_BASELINE,
  formatBaseline,
  parseBaseline,
  renameTemplates,
} from "../../../../agents/analyzer/baseline/baseline.ts";
import type { Json } from "../../../../lib/json.ts";

const MOMENTS = { n: 2, mean: 0.5, variance: 0.1 };
const BASELINE: Baseline = {
  runs: 2,
  used: 7,
  records: MOMENTS,
  levels: [["error", MOMENTS]],
  templates: [{ text: "t", seen: 2, last: 2, share: MOMENTS, presence: MOMENTS }],
  fields: [{ name: "ms", last: 2, median: MOMENTS, spread: MOMENTS }],
};

Deno.test("parseBaseline() reads what formatBaseline() wrote", () => {
  const stored = JSON.parse(JSON.stringify(formatBaseline(BASELINE)));
  assertEquals(parseBaseline(stored), BASELINE);
});

Deno.test("parseBaseline() leaves out the parts that it cannot read", () => {
  const odd = { n: 1, mean: null, variance: null };
  const stored = {
    ...BASELINE,
    levels: [...BASELINE.levels, ["loud", MOMENTS], null],
    templates: [...BASELINE.templates, { ...BASELINE.templates[0], share: odd }],
    fields: [...BASELINE.fields, { ...BASELINE.fields[0], median: odd }, 7],
  };
  assertEquals(parseBaseline(stored as unknown as Json), BASELINE);
});

Deno.test("parseBaseline() of anything else is empty", () => {
  const odd = [undefined, null, 7, "x", [], {}, { ...BASELINE, runs: -1 }, {
    ...BASELINE,
    levels: 0,
  }];
  for (const stored of odd) assertEquals(parseBaseline(stored as Json), EMPTY_BASELINE);
});

Deno.test("formatBaseline() rejects a number that JSON cannot hold", () => {
  const records = { n: 1, mean: NaN, variance: 0 };
  assertThrows(() => formatBaseline({ ...BASELINE, records }));
});

Deno.test("renameTemplates() joins templates that get the same text", () => {
  const often = { ...MOMENTS, mean: 0.9 };
  const templates = [
    { text: "hello ann", seen: 4, last: 1, share: MOMENTS, presence: MOMENTS },
    { text: "bye", seen: 1, last: 1, share: MOMENTS, presence: MOMENTS },
    { text: "hello bob", seen: 2, last: 2, share: MOMENTS, presence: often },
  ];
  const renamed = new Map([["hello ann", "hello <*>"], ["hello bob", "hello <*>"]]);
  assertEquals(renameTemplates({ ...BASELINE, templates }, renamed).templates, [
    {
      text: "hello <*>",
      seen: 4,
      last: 2,
      share: { n: 2, mean: 1, variance: 0.2 },
      presence: often,
    },
    templates[1],
  ]);
});
