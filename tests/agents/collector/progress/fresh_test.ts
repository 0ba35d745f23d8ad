import { assertEquals } from "@std/assert";
import { InboxFile } from "../../../../agents/collector/inbox/inbox_file.ts";
import { continues, freshFrom, FROM_START } from "../../../../agents/collector/progress/fresh.ts";
import { fingerprint } from "../../../../agents/collector/progress/fingerprint.ts";
import type { Progress } from "../../../../agents/collector/progress/progress.ts";
import { type CollectorHarness, openHarness } from "../collector_harness.ts";
import { gzip } from "../packed.ts";

const find = ({ inbox }: CollectorHarness) => InboxFile.find(inbox, "a.log");

/** The progress of a file that was collected to its end, with its second line next. */
async function progressOf(harness: CollectorHarness): Promise<Progress> {
  await using file = await find(harness);
  const { size, modified } = file;
  const digest = await fingerprint(await file.bytes(), size);
  return { offset: size, line: 2, modified, digest, collected_at: 0 };
}

async function startOf(harness: CollectorHarness, progress?: Progress) {
  await using file = await find(harness);
  return await freshFrom(file, progress);
}

Deno.test("freshFrom() returns the start of a new file, and nothing for an empty file", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "one\n");
  assertEquals(await startOf(harness), FROM_START);
  await harness.write("a.log", "");
  assertEquals(await startOf(harness), undefined);
});

Deno.test("freshFrom() returns the former end of a file that has grown, and the start of a rewritten file", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "one\n");
  const progress = await progressOf(harness);
  assertEquals(await startOf(harness, progress), undefined);
  harness.written += 1000;
  await harness.write("a.log", "one\n");
  assertEquals(await startOf(harness, progress), undefined, "touched, but the same");
  await harness.write("a.log", "two\n", true);
  assertEquals(await startOf(harness, progress), progress);
  for (const text of ["two\n", "on", "ONE\ntwo\n"]) {
    await harness.write("a.log", text);
    assertEquals(await startOf(harness, progress), FROM_START, text);
  }
});

Deno.test("continues() is false for packed text that has grown", async () => {
  await using harness = await openHarness();
  const packed = await gzip("one\n");
  await harness.write("a.log", packed);
  const progress = await progressOf(harness);
  await harness.write("a.log", packed, true);
  await using file = await find(harness);
  assertEquals(await continues(file, progress), false);
});
