/**
 * One process for each memory folder.
 *
 * @module
 */
import { ExitError } from "../exit.ts";
import { sleep } from "../retry.ts";
import { type Clock, type DiskFile, SYSTEM } from "../system.ts";
import { ignoreMissing, isDiskFull, isFromSystem } from "../system_errors.ts";

/** How long a start waits for a process that is on its way out. */
const LOCK_MS = 500;
const LOCK_POLL_MS = 20;

/**
 * Takes the folder, which is created where it is missing; closing what it gives gives it free.
 *
 * @throws {ExitError} `locked` where another process has it, `not_permitted` or `storage_failed`
 * where it can't be had
 */
export async function lockFolder(folder: string, { disk, clock } = SYSTEM): Promise<DiskFile> {
  const path = `${folder}/lock`;
  let lock: DiskFile | undefined;
  try {
    await disk.mkdir(folder, { recursive: true });
    const isFile = await disk.lstat(path).then((stat) => stat.isFile, ignoreMissing);
    // A pipe would make the open wait for ever.
    if (isFile === false) throw new TypeError(`"${path}" is not a plain file`);
    lock = await disk.open(path, { create: true, write: true });
    if (await tryLock(lock, clock)) return lock;
  } catch (cause) {
    lock?.close();
    throw cannotOpen(folder, cause);
  }
  lock.close();
  throw new ExitError(
    "locked",
    `Cannot open memory "${folder}": another process holds its lock; stop that one or use another folder`,
  );
}

/** Whether it could be locked; a process that has just been ended may hold it for a moment still. */
async function tryLock(lock: DiskFile, clock: Clock): Promise<boolean> {
  for (
    const due = clock.now() + LOCK_MS;
    clock.now() < due;
    await sleep(LOCK_POLL_MS, undefined, clock)
  ) {
    if (await lock.tryLock(true)) return true;
  }
  return false;
}

/** What a start says about an answer of the system. */
export function cannotOpen(folder: string, cause: unknown): ExitError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const { code } = cause as { code?: string };
  // What Deno has no code for is nothing that a permission helps, such as EUCLEAN.
  const isDisk = code === "EIO" || isDiskFull(cause) || (code === undefined && isFromSystem(cause));
  return isDisk
    ? new ExitError("storage_failed", `Cannot open memory "${folder}": ${why}`, { cause })
    : new ExitError(
      "not_permitted",
      `Cannot open memory "${folder}": ${why}; make it a folder that this user may write`,
      { cause },
    );
}
