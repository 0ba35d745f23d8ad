import { assertEquals, assertRejects } from "@std/assert";
import { START } from "../../../lib/disk/record.ts";
import { newSegment } from "../../../lib/disk/segment.ts";
import { SegmentWriter } from "../../../lib/disk/segment_writer.ts";
import { SYSTEM } from "../../../lib/system.ts";
import { FaultyDisk, systemError } from "./faulty_disk.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

const encoder = new TextEncoder();

async function create(folder: string): Promise<{ writer: SegmentWriter; path: string }> {
  const next = newSegment(folder, "tester", START);
  return { writer: await SegmentWriter.create(next, SYSTEM.disk), path: next.segment.path };
}

/** Makes the next write take `bytes`, and each one after it fail. */
function failAfter(disk: FaultyDisk, bytes: number): void {
  let writes = 0;
  disk.fault = ({ op }) => {
    if (op !== "write") return;
    if (writes++ === 0) return bytes;
    throw systemError("ENOSPC");
  };
}

Deno.test("SegmentWriter.create() leaves no file if the header can't be written", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  failAfter(disk, 10);
  await assertRejects(() => create(folder.path), Error, "No space left");
  assertEquals(await folder.names(), []);
});

Deno.test("SegmentWriter.write() tries again when space is freed, without the torn part", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const { writer, path } = await create(folder.path);
  const header = await Deno.readTextFile(path);
  failAfter(disk, 3);
  await writer.write(encoder.encode("records\n"), () => {
    disk.fault = () => {};
    return Promise.resolve(true);
  });
  assertEquals(await Deno.readTextFile(path), header + "records\n");
  writer.close();
});

Deno.test("SegmentWriter.rollBack() removes what is written after the last sync", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const { writer, path } = await create(folder.path);
  await writer.write(encoder.encode("synced\n"));
  await writer.sync();
  const synced = await Deno.readTextFile(path);
  await writer.write(encoder.encode("written\n"));
  await writer.rollBack();
  assertEquals(await Deno.readTextFile(path), synced);
  failAfter(disk, 3);
  const noSpace = () => writer.write(encoder.encode("torn\n"), () => Promise.resolve(false));
  await assertRejects(noSpace, Error, "No space left");
  await writer.rollBack();
  assertEquals(await Deno.readTextFile(path), synced);
  writer.close();
});

Deno.test("SegmentWriter.reopen() rewrites the file at once, or on a full disk before a write", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const { writer, path } = await create(folder.path);
  writer.close();
  const syncs: number[] = [];
  for (const isFull of [false, true]) {
    disk.calls.length = 0;
    failAfter(disk, 0);
    if (!isFull) disk.fault = () => {};
    const reopened = await SegmentWriter.reopen(path, SYSTEM.disk);
    disk.fault = () => {};
    syncs.push(disk.count("sync"));
    await reopened.write(encoder.encode("x\n"));
    syncs.push(disk.count("sync"));
    reopened.close();
  }
  assertEquals(syncs, [1, 1, 0, 1]);
});
