import { assertEquals, assertMatch } from "@std/assert";
import { callsOf, PIPELINES, unknownPipeline } from "../../../orchestrator/run/pipelines.ts";

Deno.test("PIPELINES name their calls so that no two requests of a task share an id", () => {
  for (const [name, pipeline] of PIPELINES) {
    const names = callsOf(pipeline).map(({ name }) => name);
    assertEquals(new Set(names).size, names.length, name);
    // With a dot in it, `a.1` would be page 1 of `a` too, and `r2` a generation.
    for (const call of names) assertMatch(call, /^[a-z_]+$/);
  }
});

Deno.test("PIPELINES have at most one stage of pages each, since a task has one list of pages", () => {
  for (const [name, { stages }] of PIPELINES) {
    assertEquals(stages.filter(({ kind }) => kind === "pages").length <= 1, true, name);
  }
});

Deno.test("callsOf() returns the calls in the order in which a task comes to them", () => {
  const names = callsOf(PIPELINES.get("report")!).map(({ name }) => name);
  assertEquals(names, ["collect", "analyze", "combine", "merge", "report"]);
});

Deno.test("unknownPipeline() names the pipelines that exist", () => {
  const { code, message } = unknownPipeline("knit", PIPELINES);
  assertEquals([code, message], [
    "unknown_pipeline",
    `Cannot run "knit": the pipelines are report`,
  ]);
});
