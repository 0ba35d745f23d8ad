import { assertEquals, assertRejects } from "@std/assert";
import { searchBehind, searchFrom } from "../../../agents/collector/search.ts";
import { CodedError } from "../../../lib/errors.ts";
import { ignoreMissing } from "../../../lib/system_errors.ts";
import { openDesk } from "./collector_harness.ts";

const signal = new AbortController().signal;

Deno.test("searchBehind() comes to the next source, also where that is the same once more", async () => {
  await using desk = await openDesk();
  await desk.write("a.log", "a\n");
  const setting = { inbox: desk.inbox, now: () => desk.now };
  const context = { memory: desk.memory, signal };
  for (const source of [{ text: "a" }, { file: "a.log" }]) {
    const input = { sources: [source, source] };
    const first = await searchFrom(undefined, setting, input, context);
    const second = await searchBehind(first.candidate, setting, input, context);
    const none = await searchBehind(second.candidate, setting, input, context);
    const found = [first, second, none].map(({ candidate, start }) => [candidate.source, !!start]);
    assertEquals(found, [[0, true], [1, true], [1, false]]);
  }
});

Deno.test("searchFrom() passes over a file of a glob that goes before it is looked at", async () => {
  await using desk = await openDesk();
  for (const name of ["a", "b", "c"]) await desk.write(`${name}.log`, name === "a" ? "" : "x\n");
  const setting = { inbox: desk.inbox, now: () => desk.now };
  desk.memory.get = async () => {
    await Deno.remove(`${desk.inbox}/b.log`).catch(ignoreMissing);
    return undefined;
  };
  const input = { sources: [{ glob: "*.log" }], only_new: true };
  const context = { memory: desk.memory, signal };
  const { candidate } = await searchFrom(undefined, setting, input, context);
  assertEquals(candidate.path, "c.log");
});

Deno.test("searchFrom() stops when its signal aborts", async () => {
  await using desk = await openDesk();
  const setting = { inbox: desk.inbox, now: () => desk.now };
  const aborted = AbortSignal.abort(new CodedError("deadline_exceeded", "Too late"));
  const context = { memory: desk.memory, signal: aborted };
  const input = { sources: [{ text: "a" }] };
  await assertRejects(() => searchFrom(undefined, setting, input, context), CodedError);
});
