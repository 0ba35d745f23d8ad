/**
 * Files that are either the old whole or the new whole, whatever happens in between.
 *
 * @module
 */
import { type Disk, SYSTEM } from "./system.ts";
import { writeAll } from "./write_all.ts";

/** What stands behind the name of a file that is being written; a crash may leave one behind. */
export const TEMPORARY = ".tmp";

/** A file's content, or the parts that it is made of. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Replaces a file atomically: when this returns, the new content is on disk under `path`; when it
 * throws or the machine stops, the old content is still there, whole. The last part of `path` is
 * replaced even where it is a symlink, never followed; its folder must exist. A path has one writer
 * at a time. Throws what the system says, such as an `Error` with code `ENOSPC`.
 */
export async function replaceFile(
  path: string,
  data: FileContent,
  disk = SYSTEM.disk,
): Promise<void> {
  const temporary = path + TEMPORARY;
  await removeFile(temporary, disk);
  try {
    await writeFile(temporary, data, disk);
    await disk.rename(temporary, path);
  } catch (error) {
    // On a full disk the half file is in the way of everybody else. Should it stay: the next
    // replacement removes it, and the error that counts is the first one.
    await removeFile(temporary, disk).catch(() => {});
    throw error;
  }
  await syncFolder(folderOf(path), disk);
}

/** Puts the names in a folder on disk: a file is not safe before its name is. */
export async function syncFolder(path: string, disk = SYSTEM.disk): Promise<void> {
  using folder = await disk.open(path);
  await folder.sync();
}

/** Whether the system says that there is no room, on the disk or in the quota. */
export function saysFull(error: unknown): boolean {
  const { code, message = "" } = error as { code?: string; message?: string };
  // Deno has no code for EDQUOT.
  return code === "ENOSPC" || code === "EDQUOT" || /quota exceeded \(os error/i.test(message);
}

/** Whether an error is the system's answer to a call; not each one has a code in Deno. */
export function isFromSystem(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === "string" || / \(os error \d+\)/.test(String(message));
}

async function writeFile(path: string, data: FileContent, disk: Disk): Promise<void> {
  // `createNew` also refuses a symlink that someone put there in the meantime.
  using file = await disk.open(path, { write: true, createNew: true });
  for (const part of partsOf(data)) await writeAll(file, part);
  await file.syncData();
}

function partsOf(data: FileContent): Iterable<Uint8Array> {
  if (typeof data === "string") return [new TextEncoder().encode(data)];
  return data instanceof Uint8Array ? [data] : data;
}

async function removeFile(path: string, disk: Disk): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end === -1 ? "." : path.slice(0, end) || "/";
}
