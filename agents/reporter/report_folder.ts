/**
 * Where reports lie: `<folder>/reports/<task>/report.md` and its like, with an index beside them.
 *
 * Below the folder nothing is written or read through a symlink: one that someone planted there
 * would reach whatever this process may. That is looked up before each use and not held in between,
 * so it is a second belt; who may write into the folder is for the system to say.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import { replaceFile, syncFolder } from "../../lib/disk/atomic_file.ts";
import { TaskId } from "../../lib/wire/protocol.ts";
import { ignoreMissing, isDiskFull } from "../../lib/system_errors.ts";

const REPORTS = "reports";

/** Path of a file of a task's report, or of the index, below the memory folder. */
export function pathOf(file: string, task?: string): string {
  if (task === undefined) return `${REPORTS}/${file}`;
  if (!TaskId.safeParse(task).success) {
    throw new CodedError("invalid_input", `Cannot use task ${JSON.stringify(task)} as a folder`);
  }
  return `${REPORTS}/${task}/${file}`;
}

/** Writes a text to a path from `pathOf`, with the folders that it needs, and puts all on disk. */
export async function put(folder: string, path: string, text: string): Promise<void> {
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

/** Reads what `put` wrote, or null where there is nothing. */
export async function take(folder: string, path: string): Promise<string | null> {
  await refuseLinks(folder, path);
  return await Deno.readTextFile(`${folder}/${path}`).catch(ignoreMissing) ?? null;
}

/** Removes a task's report; that it is gone already is no error. */
export async function discard(folder: string, task: string): Promise<void> {
  // A link in the place of the task's folder is removed itself and what it points at stays.
  await refuseLinks(folder, REPORTS);
  const path = `${folder}/${pathOf("", task).slice(0, -1)}`;
  await Deno.remove(path, { recursive: true }).catch(ignoreMissing);
}

async function refuseLinks(folder: string, path: string): Promise<void> {
  const parts = path.split("/");
  for (let i = 1; i <= parts.length; i++) {
    const part = parts.slice(0, i).join("/");
    const found = await Deno.lstat(`${folder}/${part}`).catch(ignoreMissing);
    if (!found) return;
    const fits = i < parts.length || path === REPORTS ? found.isDirectory : found.isFile;
    if (!fits) {
      const what = found.isSymlink ? "a symlink" : "in the way";
      throw new CodedError("handler_rejected", `Cannot use ${JSON.stringify(part)}: it is ${what}`);
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
