/**
 * The files of reports, such as `<folder>/reports/<task>/report.md`, and of the index above them.
 *
 * Below the folder nothing is written or read through a symbolic link: a planted link would lead to
 * any file that this process may use. A link planted between this check and the use is followed, so
 * the check is a second belt. The first is who may write into the folder.
 *
 * @module
 */
import { replaceFile, syncFolder } from "../../lib/disk/atomic_file.ts";
import { CodedError } from "../../lib/errors.ts";
import { ignoreMissing, isDiskFull } from "../../lib/system_errors.ts";
import { TaskId } from "../../lib/wire/protocol.ts";

const REPORTS = "reports";

/**
 * Returns the path of a file of a task's report, relative to the memory folder.
 *
 * @throws {CodedError} `invalid_input` if the task's id cannot be a folder's name
 */
export function reportPath(task: string, file: string): string {
  return `${reportFolder(task)}/${file}`;
}

/** Returns the path of a file of the index, relative to the memory folder. */
export function indexPath(file: string): string {
  return `${REPORTS}/${file}`;
}

/**
 * Writes a file and the folders above it, and syncs them to disk.
 *
 * @param path from `reportPath` or `indexPath`
 * @throws {CodedError} `handler_rejected` if a link or something else is in the way, `storage_full`
 * or `storage_failed` if the disk refuses
 */
export async function writeReportFile(folder: string, path: string, text: string): Promise<void> {
  try {
    await refuseLinks(folder, path);
    const parts = path.split("/").slice(0, -1);
    for (let i = 0; i < parts.length; i++) {
      const parent = [folder, ...parts.slice(0, i)].join("/");
      await makeFolder(parent, parts[i]);
    }
    await replaceFile(`${folder}/${path}`, text);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const code = isDiskFull(error) ? "storage_full" : "storage_failed";
    const message = `Cannot write ${JSON.stringify(path)}: ${(error as Error).message}`;
    throw new CodedError(code, message, { cause: error });
  }
}

/**
 * Reads a file that `writeReportFile` wrote; null if it does not exist.
 *
 * @throws {CodedError} `handler_rejected` if a link or something else is in the way
 */
export async function readReportFile(folder: string, path: string): Promise<string | null> {
  await refuseLinks(folder, path);
  return await Deno.readTextFile(`${folder}/${path}`).catch(ignoreMissing) ?? null;
}

/** Removes a task's report, if it exists. */
export async function removeReport(folder: string, task: string): Promise<void> {
  // A link in place of the task's own folder is removed; what it points at stays.
  await refuseLinks(folder, REPORTS);
  await Deno.remove(`${folder}/${reportFolder(task)}`, { recursive: true }).catch(ignoreMissing);
}

function reportFolder(task: string): string {
  if (!TaskId.safeParse(task).success) {
    throw new CodedError("invalid_input", `Cannot use task ${JSON.stringify(task)} as a folder`);
  }
  return `${REPORTS}/${task}`;
}

async function refuseLinks(folder: string, path: string): Promise<void> {
  const parts = path.split("/");
  for (let i = 1; i <= parts.length; i++) {
    const part = parts.slice(0, i).join("/");
    const info = await Deno.lstat(`${folder}/${part}`).catch(ignoreMissing);
    if (!info) return;
    const fits = i < parts.length || path === REPORTS ? info.isDirectory : info.isFile;
    if (!fits) {
      const why = info.isSymlink ? "it is a symlink" : "it is in the way";
      throw new CodedError("handler_rejected", `Cannot use ${JSON.stringify(part)}: ${why}`);
    }
  }
}

async function makeFolder(parent: string, name: string): Promise<void> {
  try {
    await Deno.mkdir(`${parent}/${name}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    return;
  }
  await syncFolder(parent);
}
