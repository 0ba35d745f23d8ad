import { assertEquals } from "@std/assert";
import { readProgress, saveProgress } from "../../../../agents/collector/progress/progress.ts";
import { type CollectorHarness, openHarness } from "../collector_harness.ts";

const MAX = 100;

function progressAt(collected_at: number) {
  return { offset: 1, line: 1, modified: 0, digest: "", collected_at };
}

/** Fills the memory; the last file was collected longest ago. */
async function fill({ inbox, memory }: CollectorHarness): Promise<void> {
  for (let at = 0; at < MAX; at++) {
    await saveProgress(inbox, memory, `${at}.log`, progressAt(MAX - at), MAX);
  }
}

Deno.test("saveProgress() forgets the files that were collected longest ago", async () => {
  await using harness = await openHarness();
  const { inbox, memory } = harness;
  for (let at = 0; at < MAX; at++) await harness.write(`${at}.log`, "x\n");
  memory.set("other", 1);
  await fill(harness);
  await saveProgress(inbox, memory, "7.log", progressAt(MAX + 1), MAX);
  assertEquals((await memory.keys("file/")).length, MAX, "a recorded file needs no room");
  await saveProgress(inbox, memory, "new.log", progressAt(MAX + 1), MAX);
  assertEquals((await memory.keys("file/")).length, 0.9 * MAX + 1);
  assertEquals(await readProgress(memory, `${MAX - 1}.log`), undefined);
  assertEquals(await readProgress(memory, "8.log"), progressAt(MAX - 8));
  assertEquals(await memory.get("other"), 1);
});

Deno.test("saveProgress() forgets files that are gone before files that exist", async () => {
  await using harness = await openHarness();
  const { inbox, memory } = harness;
  await harness.write(`${MAX - 1}.log`, "x\n");
  await fill(harness);
  await saveProgress(inbox, memory, "new.log", progressAt(MAX + 1), MAX);
  assertEquals(await memory.keys("file/"), [`file/${MAX - 1}.log`, "file/new.log"]);
});

Deno.test("saveProgress() keeps its bound in a memory without a count", async () => {
  await using harness = await openHarness();
  const { inbox, memory } = harness;
  for (let at = 0; at < MAX; at++) memory.set(`file/${at}.log`, progressAt(at));
  await saveProgress(inbox, memory, "new.log", progressAt(MAX), MAX);
  assertEquals(await memory.keys("file/"), ["file/new.log"]);
});
