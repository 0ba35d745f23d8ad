import { ExitError } from "../exit.ts";
import { sleep } from "../retry.ts";
import { type Clock, type DiskFile, SYSTEM } from "../system.ts";
import { ignoreMissing, isDiskFull, isFromSystem } from "../system_errors.ts";

/** A process that was just killed may keep its lock for a moment. */
const LOCK_MS = 500;
const LOCK_POLL_MS = 20;

/**
 * Locks a memory's folder for this process, and creates it if it is missing.
 *
 * @returns the lock; closing it unlocks the folder
 * @throws {ExitError} `locked` if another process has the lock, `not_permitted` or `storage_failed` if
 * the folder can't be used
 */
export async function lockFolder(folder: string, { disk, clock } = SYSTEM): Promise<DiskFile> {
  const path = `${folder}/lock`;
  let lock: DiskFile | undefined;
  try {
    await disk.mkdir(folder, { recursive: true });
    const isFile = await disk.lstat(path).then((stat) => stat.isFile, ignoreMissing);
    // Opening a pipe would wait for ever.
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
    `Cannot open memory "${folder}": another process holds its lock; stop that process or use another folder`,
  );
}

/** Tries for `LOCK_MS`. Returns whether the lock was taken. */
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

/** Turns an error of the operating system into the reason why a memory does not open. */
export function cannotOpen(folder: string, cause: unknown): ExitError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const { code } = cause as { code?: string };
  // No permission helps against errors without a code in Deno, such as EUCLEAN.
  const isDisk = code === "EIO" || isDiskFull(cause) || (code === undefined && isFromSystem(cause));
  return isDisk
    ? new ExitError("storage_failed", `Cannot open memory "${folder}": ${why}`, { cause })
    : new ExitError(
      "not_permitted",
      `Cannot open memory "${folder}": ${why}; make it a folder that this user may write`,
      { cause },
    );
}
