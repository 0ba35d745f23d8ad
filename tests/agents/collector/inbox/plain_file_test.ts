import { assertEquals, assertRejects } from "@std/assert";
import {
  checkFolder,
  findPlain,
  openPlain,
} from "../../../../agents/collector/inbox/plain_file.ts";
import { CodedError } from "../../../../lib/errors.ts";
import { openHarness } from "../collector_harness.ts";

Deno.test("findPlain() refuses links and everything that is no plain file", async () => {
  await using harness = await openHarness();
  await harness.write("folder/a.log", "x\n");
  await Deno.symlink("folder", `${harness.inbox}/link`);
  assertEquals((await findPlain(harness.inbox, "folder/a.log")).size, 2);
  for (
    const [path, code, words] of [
      ["folder", "invalid_input", "a directory"],
      ["link", "invalid_input", "symbolic link"],
      ["link/a.log", "invalid_input", '"link" is a symbolic link'],
      ["folder/b.log", "not_found", "not in the inbox"],
    ] as const
  ) {
    const error = await assertRejects(() => findPlain(harness.inbox, path), CodedError, words);
    assertEquals(error.code, code);
  }
});

Deno.test("openPlain() refuses a file that has replaced the file that was found", async () => {
  await using harness = await openHarness();
  for (const path of ["a.log", "b.log"]) await harness.write(path, "x\n");
  const found = await findPlain(harness.inbox, "a.log");
  await (await openPlain(harness.inbox, "a.log", found)).close();
  await Deno.rename(`${harness.inbox}/b.log`, `${harness.inbox}/a.log`);
  const open = () => openPlain(harness.inbox, "a.log", found);
  assertEquals((await assertRejects(open, CodedError, "replaced")).code, "handler_failed");
});

Deno.test("checkFolder() accepts the inbox and its folders, and no links", async () => {
  await using harness = await openHarness();
  await harness.write("folder/a.log", "x\n");
  await Deno.symlink("folder", `${harness.inbox}/link`);
  for (const folder of ["", "folder"]) await checkFolder(harness.inbox, folder);
  await assertRejects(() => checkFolder(harness.inbox, "link"), CodedError, "symbolic link");
  await assertRejects(() => checkFolder(`${harness.inbox}/none`, ""), CodedError, "no such folder");
});
