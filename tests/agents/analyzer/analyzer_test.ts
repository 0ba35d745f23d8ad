import { assert, assertEquals } from "@std/assert";
import { analyzer } from "../../../agents/analyzer/analyzer.ts";
import { analyze } from "../../../agents/analyzer/analyze.ts";
import { pageOf } from "./page_of.ts";

Deno.test("analyzer has the ops of the pipeline; only merge has memory", () => {
  const pure = Object.entries(analyzer.ops).map(([name, { pure }]) => [name, pure ?? false]);
  assertEquals(pure, [["analyze", true], ["combine", true], ["merge", false]]);
});

Deno.test("analyzer refuses no partials and too many", () => {
  const partial = analyze(pageOf("x"));
  for (const op of [analyzer.ops.combine, analyzer.ops.merge]) {
    assert(op.input.safeParse({ partials: [partial] }).success);
    assert(!op.input.safeParse({ partials: [] }).success);
    assert(!op.input.safeParse({ partials: Array(65).fill(partial) }).success);
  }
});
