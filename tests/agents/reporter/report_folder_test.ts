import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { removeReport, writeReportFile } from "../../../agents/reporter/report_folder.ts";
import { CodedError } from "../../../lib/errors.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { assertCode, ReporterHarness } from "./reporter_harness.ts";

Deno.test("writeReportFile() reports whether the disk or the quota is full, and why it failed", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const faults = [
    [systemError("ENOSPC"), "storage_full"],
    [new Error("Disk quota exceeded (os error 122)"), "storage_full"],
    [systemError("EIO"), "storage_failed"],
  ] as const;
  for (const [fault, code] of faults) {
    disk.fault = ({ op }) => {
      if (op === "write") throw fault;
    };
    const write = () => writeReportFile(folder.path, "reports/a", "text");
    const error = await assertRejects(write, CodedError);
    assertEquals(error.code, code);
    assertEquals(error.message, `Cannot write "reports/a": ${fault.message}`);
  }
});

Deno.test("writeReportFile() writes nothing through a symbolic link", async () => {
  const links = [["reports", ""], ["reports/t1", ""], ["reports/t1/report.md", "f"]];
  for (const [link, target] of links) {
    await using folder = await TempFolder.make();
    await using outside = await TempFolder.make();
    await Deno.writeTextFile(`${outside.path}/f`, "untouched");
    const parent = link.split("/").slice(0, -1).join("/");
    await Deno.mkdir(`${folder.path}/${parent}`, { recursive: true });
    await Deno.symlink(`${outside.path}/${target}`, `${folder.path}/${link}`);
    const write = () => writeReportFile(folder.path, "reports/t1/report.md", "text");
    await assertCode("handler_rejected", write);
    const files = await Array.fromAsync(Deno.readDir(outside.path));
    assertEquals(files.map(({ name }) => name), ["f"]);
    assertEquals(await Deno.readTextFile(`${outside.path}/f`), "untouched");
  }
});

Deno.test("removeReport() removes a task's link itself and nothing through a link", async () => {
  await using harness = await ReporterHarness.make();
  await using outside = await ReporterHarness.make();
  const { folder } = harness;
  await outside.report("t1");
  await Deno.symlink(`${outside.folder}/reports`, `${folder}/reports`);
  await assertCode("handler_rejected", () => removeReport(folder, "t1"));
  await Deno.remove(`${folder}/reports`);
  await Deno.mkdir(`${folder}/reports`);
  await Deno.symlink(`${outside.folder}/reports/t1`, `${folder}/reports/t1`);
  await removeReport(folder, "t1");
  assertEquals(await Array.fromAsync(Deno.readDir(`${folder}/reports`)), []);
  assertStringIncludes(await outside.file("t1/report.md"), "# Report on");
});

Deno.test("removeReport() removes a report once or twice, and no other", async () => {
  await using harness = await ReporterHarness.make();
  for (const task of ["t1", "t2"]) await harness.report(task);
  await removeReport(harness.folder, "t1");
  await removeReport(harness.folder, "t1");
  await assertRejects(() => harness.file("t1/report.md"), Deno.errors.NotFound);
  assertStringIncludes(await harness.file("t2/report.md"), "# Report on");
  await assertCode("invalid_input", () => removeReport(harness.folder, ".."));
});
