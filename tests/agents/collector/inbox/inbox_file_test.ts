import { assertEquals, assertRejects } from "@std/assert";
import { InboxFile } from "../../../../agents/collector/inbox/inbox_file.ts";
import { CodedError } from "../../../../lib/errors.ts";
import { ignoreMissing } from "../../../../lib/system_errors.ts";
import { type CollectorHarness, openHarness } from "../collector_harness.ts";

async function descriptors({ inbox }: CollectorHarness): Promise<number> {
  let count = 0;
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const target = await Deno.readLink(`/proc/self/fd/${name}`).catch(ignoreMissing);
    if (target?.startsWith(inbox)) count++;
  }
  return count;
}

Deno.test({
  name: "InboxFile opens its file at the first read, once, and closes it",
  ignore: Deno.build.os !== "linux", // descriptors are counted in /proc
  async fn() {
    await using harness = await openHarness();
    await harness.write("a.log", "one\n");
    const file = await InboxFile.find(harness.inbox, "a.log");
    assertEquals(await descriptors(harness), 0);
    for (const size of [4, 2, 9]) {
      assertEquals((await file.bytes(size)).size, Math.min(size, 4));
      assertEquals(await descriptors(harness), 1);
    }
    await file[Symbol.asyncDispose]();
    assertEquals(await descriptors(harness), 0);
  },
});

Deno.test("InboxFile reads nothing that was appended after it was found, and no file in its place", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "one\n");
  await using file = await InboxFile.find(harness.inbox, "a.log");
  await harness.write("a.log", "two\n", true);
  assertEquals((await file.bytes()).size, 4);
  await using replaced = await InboxFile.find(harness.inbox, "a.log");
  await harness.write("b.log", "one\n");
  await Deno.rename(`${harness.inbox}/b.log`, `${harness.inbox}/a.log`);
  const error = await assertRejects(() => replaced.bytes(), CodedError, "replaced");
  assertEquals(error.code, "handler_failed");
});
