/**
 * Replaces files so that a crash leaves the whole old file or the whole new file, never a part.
 *
 * @module
 */
import { type Disk, SYSTEM } from "../system.ts";
import { ignoreMissing } from "../system_errors.ts";
import { writeAll } from "../write_all.ts";

/** Ends the name of a file while it is written; a crash may leave such a file. */
export const TEMPORARY = ".tmp";

/** The content of a file, as a whole or in parts. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Replaces a file atomically. When this resolves, the new content is on disk. If it rejects or the
 * machine stops, the old content is still there.
 *
 * A symlink at `path` is replaced, not followed. The folder must exist. Each path may have one writer
 * at a time.
 *
 * @throws the error of the operating system, such as an `Error` with code `ENOSPC`
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
    // On a full disk the half file takes room from everything else. If it can't be removed, the next
    // replacement does that; the error to report is the first one.
    await disk.remove(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folderOf(path), disk);
}

/** Puts the names in a folder on disk. A new file is only safe after that. */
export async function syncFolder(path: string, disk = SYSTEM.disk): Promise<void> {
  using folder = await disk.open(path);
  await folder.sync();
}

async function writeFile(path: string, data: FileContent, disk: Disk): Promise<void> {
  // `createNew` also refuses a symlink that appeared in the meantime.
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
