/**
 * Files that are either the old whole or the new whole, whatever happens in between.
 *
 * @module
 */
import { type Disk, SYSTEM } from "../system.ts";
import { ignoreMissing } from "../system_errors.ts";
import { writeAll } from "../write_all.ts";

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
  await disk.remove(temporary).catch(ignoreMissing);
  try {
    await writeFile(temporary, data, disk);
    await disk.rename(temporary, path);
  } catch (error) {
    // On a full disk the half file is in the way of everybody else. Should it stay: the next
    // replacement removes it, and the error that counts is the first one.
    await disk.remove(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folderOf(path), disk);
}

/** Puts the names in a folder on disk: a file is not safe before its name is. */
export async function syncFolder(path: string, disk = SYSTEM.disk): Promise<void> {
  using folder = await disk.open(path);
  await folder.sync();
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

function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end === -1 ? "." : path.slice(0, end) || "/";
}
