import { assertEquals, assertRejects } from "@std/assert";
import type { CollectInput } from "../../../agents/collector/collect_shapes.ts";
import { search } from "../../../agents/collector/search.ts";
import { CodedError } from "../../../lib/errors.ts";
import { ignoreMissing } from "../../../lib/system_errors.ts";
import { type CollectorHarness, openHarness } from "./collector_harness.ts";

const { signal } = new AbortController();

/** Source and path of each target, and of the candidate that is named if there is none. */
async function found(harness: CollectorHarness, input: CollectInput) {
  const targets = search(harness.config, input, { memory: harness.memory, signal });
  const places: [source: number, path?: string][] = [];
  for (;;) {
    const { value, done } = await targets.next();
    if (done) return { places, passed: value };
    const { candidate: { source, path }, file } = value;
    await file?.[Symbol.asyncDispose]();
    places.push(path === undefined ? [source] : [source, path]);
  }
}

Deno.test("search() yields a source as often as the request names it", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "a\n");
  const sources = [{ text: "a" }, { text: "a" }, { file: "a.log" }, { file: "a.log" }];
  const { places } = await found(harness, { sources });
  assertEquals(places, [[0], [1], [2, "a.log"], [3, "a.log"]]);
});

Deno.test("search() continues at a cursor that is not begun, and after a cursor that is", async () => {
  await using harness = await openHarness();
  for (const name of ["a", "b", "c"]) await harness.write(`${name}.log`, "x\n");
  const sources = [{ text: "a" }, { glob: "*.log" }, { file: "a.log" }];
  const at = { offset: 1, line: 1, size: 2, digest: "" };
  for (
    const [cursor, places] of [
      [{ source: 0, at }, [[1, "a.log"], [1, "b.log"], [1, "c.log"], [2, "a.log"]]],
      [{ source: 1, path: "b.log" }, [[1, "b.log"], [1, "c.log"], [2, "a.log"]]],
      [{ source: 1, path: "b.log", at }, [[1, "c.log"], [2, "a.log"]]],
      [{ source: 1, path: "gone.log", at }, [[2, "a.log"]]],
      [{ source: 2, path: "a.log", at }, []],
    ] as const
  ) {
    const result = await found(harness, { sources, cursor });
    assertEquals<unknown>(result.places, places);
  }
});

Deno.test("search() returns the first candidate that it passed over", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "");
  await harness.write("b.log", "");
  const sources = [{ text: "" }, { glob: "*.log" }];
  assertEquals(await found(harness, { sources }), { places: [], passed: { source: 0 } });
  const cursor = { source: 1, path: "b.log" };
  assertEquals((await found(harness, { sources, cursor })).passed, cursor);
});

Deno.test("search() passes over a file of a glob that is removed before it is looked at", async () => {
  await using harness = await openHarness();
  for (const name of ["a", "b", "c"]) await harness.write(`${name}.log`, name === "a" ? "" : "x\n");
  harness.memory.get = async () => {
    await Deno.remove(`${harness.inbox}/b.log`).catch(ignoreMissing);
    return undefined;
  };
  const { places } = await found(harness, { sources: [{ glob: "*.log" }], only_new: true });
  assertEquals(places, [[0, "c.log"]]);
});

Deno.test("search() stops when its signal aborts", async () => {
  await using harness = await openHarness();
  const aborted = AbortSignal.abort(new CodedError("deadline_exceeded", "Too late"));
  const context = { memory: harness.memory, signal: aborted };
  const targets = search(harness.config, { sources: [{ text: "a" }] }, context);
  await assertRejects(() => targets.next(), CodedError, "Too late");
});
