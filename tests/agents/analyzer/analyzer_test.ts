import { assert, assertEquals } from "@std/assert";
import { analyze } from "../../../agents/analyzer/analyze.ts";
import { analyzer } from "../../../agents/analyzer/analyzer.ts";
import { combine } from "../../../agents/analyzer/combine.ts";
import { Isolate } from "../../../agents/runtime/isolate.ts";
import { Dice } from "../../harness/dice.ts";
import { pageOf } from "./page_of.ts";

const MODULE = new URL("../../../agents/analyzer/main.ts", import.meta.url).href;

Deno.test("analyzer has the pipeline's three ops, of which only merge has memory", () => {
  const pure = Object.entries(analyzer.ops).map(([name, { pure }]) => [name, pure ?? false]);
  assertEquals(pure, [["analyze", true], ["combine", true], ["merge", false]]);
});

Deno.test("analyzer rejects an empty list of partials and one over the limit", () => {
  const partial = analyze(pageOf("x"));
  for (const op of [analyzer.ops.combine, analyzer.ops.merge]) {
    assert(op.input.safeParse({ partials: [partial] }).success);
    assert(!op.input.safeParse({ partials: [] }).success);
    assert(!op.input.safeParse({ partials: Array(65).fill(partial) }).success);
  }
});

Deno.test("analyzer combines templates that differ in every word within a thread's memory", async () => {
  const dice = new Dice(3);
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const text = () => Array.from({ length: 149 }, () => dice.pick(letters)).join(" ");
  const rest = analyze(pageOf("x"));
  const partials = Array.from({ length: 14 }, () => ({
    ...rest,
    templates: Array.from({ length: 600 }, () => ({ ...rest.templates[0], text: `k ${text()}` })),
  }));
  const start = performance.now();
  const expected = combine(partials);
  const ownMs = performance.now() - start;

  using isolate = new Isolate(MODULE, () => {});
  const work = { op: "combine", id: "t1.combine.0", body: { partials } };
  const memory = { get: () => undefined, keys: () => [] };
  // A thread that runs out of memory stands still and says nothing, so the test needs a deadline. It
  // follows the time that the same work takes here: a loaded machine is slow in both places.
  const deadline = AbortSignal.timeout(60_000 + 10 * ownMs);
  const { output } = await isolate.execute(work, memory, deadline);
  assertEquals<unknown>(output, expected);
});
