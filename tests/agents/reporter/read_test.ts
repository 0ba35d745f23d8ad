import { assert, assertEquals } from "@std/assert";
import { assertCode, ReporterHarness } from "./reporter_harness.ts";

Deno.test("read() returns each form of a report", async () => {
  await using harness = await ReporterHarness.make();
  const { markdown } = await harness.report("t1");
  assertEquals(await harness.read("t1", "md"), markdown);
  assertEquals(await harness.read("t1", "html"), await harness.file("t1/report.html"));
  assertEquals(JSON.parse(await harness.read("t1", "json")).task, "t1");
});

Deno.test("read() fails with not_found if there is no report", async () => {
  await using harness = await ReporterHarness.make();
  await assertCode("not_found", () => harness.read("t1", "md"));
});

Deno.test("read() follows no symbolic link", async () => {
  await using harness = await ReporterHarness.make();
  await harness.report("t1");
  await Deno.remove(`${harness.folder}/reports/t1/report.md`);
  await Deno.symlink("/etc/hostname", `${harness.folder}/reports/t1/report.md`);
  await assertCode("handler_rejected", () => harness.read("t1", "md"));
});

Deno.test("read() rejects a file that is larger than a reply can be", async () => {
  await using harness = await ReporterHarness.make();
  await harness.report("t1");
  // Each quote takes two bytes in JSON.
  await Deno.writeTextFile(`${harness.folder}/reports/t1/report.json`, '"'.repeat(1_100_000));
  await assertCode("handler_rejected", () => harness.read("t1", "json"));
  assert((await harness.read("t1", "md")).length > 0);
});
