import { assertEquals, assertRejects } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import { type Disk, type DiskFile, SYSTEM } from "../../../lib/system.ts";
import { lockFolder } from "../../../lib/disk/folder_lock.ts";
import { systemError } from "./faulty_disk.ts";

Deno.test("lockFolder() leaves no file open if the disk can't lock it", async () => {
  let closed = 0;
  const lock = {
    tryLock: () => Promise.reject(systemError("EIO")),
    close: () => void closed++,
  } as unknown as DiskFile;
  const disk = {
    mkdir: () => Promise.resolve(),
    lstat: () => Promise.resolve({ isFile: true, size: 0 }),
    open: () => Promise.resolve(lock),
  } as unknown as Disk;
  const { reason } = await assertRejects(
    () => lockFolder("somewhere", { ...SYSTEM, disk }),
    ExitError,
    'Cannot open memory "somewhere": Input/output error',
  );
  assertEquals([reason, closed], ["storage_failed", 1]);
});
