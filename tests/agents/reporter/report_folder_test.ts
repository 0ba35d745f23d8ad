import { assertEquals, assertRejects } from "@std/assert";
import { writeReportFile } from "../../../agents/reporter/report_folder.ts";
import { CodedError } from "../../../lib/errors.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

Deno.test("writeReportFile() says whether there is no room, on the disk or in the quota, and why it failed", async () => {
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
    const error = await assertRejects(
      () => writeReportFile(folder.path, "reports/a", "text"),
      CodedError,
    );
    assertEquals(error.code, code);
    assertEquals(error.message, `Cannot write "reports/a": ${fault.message}`);
  }
});
