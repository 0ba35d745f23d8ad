import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { candidates, checkCursor } from "../../../agents/collector/candidates.ts";
import type { Cursor } from "../../../agents/collector/collect_shapes.ts";
import { CodedError } from "../../../lib/errors.ts";
import { openHarness } from "./collector_harness.ts";

const { signal } = new AbortController();
const at = { offset: 1, line: 1, size: 2, digest: "" };

Deno.test("candidates() yields texts, files and the matches of globs, from the cursor on", async () => {
  await using harness = await openHarness();
  for (const path of ["b.log", "a.log"]) await harness.write(path, "x\n");
  const sources = [{ text: "x" }, { glob: "*.log" }, { file: "missing.log" }];
  const places = async (cursor?: Cursor) =>
    await Array.fromAsync(candidates(harness.inbox, sources, signal, cursor));
  const all = [
    { source: 0 },
    { source: 1, path: "a.log" },
    { source: 1, path: "b.log" },
    { source: 2, path: "missing.log" },
  ];
  assertEquals(await places(), all);
  for (const [index, candidate] of all.entries()) {
    assertEquals(await places(candidate), all.slice(index));
    assertEquals(await places({ ...candidate, at }), all.slice(index + 1));
  }
});

Deno.test("candidates() rejects a glob without a match, unless the cursor lies in it", async () => {
  await using harness = await openHarness();
  const sources = [{ glob: "*.log" }];
  const list = (cursor?: Cursor) =>
    Array.fromAsync(candidates(harness.inbox, sources, signal, cursor));
  const error = await assertRejects(() => list(), CodedError, "matches");
  assertEquals(error.code, "not_found");
  assertEquals(await list({ source: 0, path: "a.log" }), []);
});

Deno.test("checkCursor() accepts the cursors of its sources, and no others", () => {
  const sources = [{ text: "x" }, { glob: "*.log" }];
  for (const cursor of [{ source: 0, at }, { source: 1, path: "a.log" }]) {
    checkCursor(sources, cursor);
  }
  const wrong = [{ source: 2 }, { source: 0, path: "a.log" }, { source: 1, path: "a.csv" }];
  for (const cursor of wrong) assertThrows(() => checkCursor(sources, cursor), CodedError);
});
