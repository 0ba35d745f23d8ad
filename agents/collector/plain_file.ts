/**
 * The only way from a path to a file of the inbox.
 *
 * What must hold before a byte is read: (1) no component below the inbox is a symbolic link, (2) the
 * last one is a plain file, (3) the open file is the one that (1) and (2) were said of. Whoever may
 * rename folders of the inbox while a file is opened can still win a race against (1); a container
 * that holds nothing else to read is the answer to that.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import { inboxPath, refuse } from "./inbox_path.ts";

/** A file as it lies in the inbox. */
export interface Found {
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/**
 * Looks at a plain file without opening it.
 *
 * @throws {CodedError} `not_found` when nothing is there, `invalid_input` when it may not be read
 */
export async function findPlain(inbox: string, path: string): Promise<Found> {
  return found(path, await lstatPlain(inbox, path));
}

/**
 * Opens a plain file for reading; the caller closes it.
 *
 * @throws {CodedError} as `findPlain`, and `handler_failed` when the file was replaced meanwhile
 */
export async function openPlain(
  inbox: string,
  path: string,
): Promise<{ file: Deno.FsFile; found: Found }> {
  const before = await lstatPlain(inbox, path);
  const file = await naming(inbox, path, () => Deno.open(`${inbox}/${path}`));
  try {
    const opened = await file.stat();
    const after = await lstatPlain(inbox, path);
    if (!opened.isFile || !same(before, opened) || !same(opened, after)) {
      throw new CodedError("handler_failed", `Cannot collect "${path}": replaced while opened`);
    }
    return { file, found: found(path, opened) };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Checks that a folder of the inbox is there and reached without links; `""` is the inbox itself.
 *
 * @throws {CodedError} `not_found` or `invalid_input`
 */
export async function checkFolder(inbox: string, folder: string): Promise<void> {
  const root = await naming(inbox, undefined, () => Deno.stat(inbox));
  if (!root.isDirectory) throw missingInbox(inbox);
  if (folder !== "") await lstatEach(inbox, folder);
}

async function lstatPlain(inbox: string, path: string): Promise<Deno.FileInfo> {
  const info = await lstatEach(inbox, path);
  if (info.isFile) return info;
  refuse(
    path,
    info.isDirectory
      ? `a directory; name a file in it or use the glob "${path}/*"`
      : `a ${kind(info)}; only plain files are read`,
  );
}

/** The state of the last component, when none of them is a link. */
async function lstatEach(inbox: string, path: string): Promise<Deno.FileInfo> {
  let at = "";
  let info: Deno.FileInfo | undefined;
  for (const segment of inboxPath(path)) {
    if (info !== undefined && !info.isDirectory) throw missing(inbox, path);
    at += at === "" ? segment : `/${segment}`;
    info = await naming(inbox, path, () => Deno.lstat(`${inbox}/${at}`));
    if (info.isSymlink) {
      refuse(path, `"${at}" is a symbolic link; put what it points to into the inbox`);
    }
  }
  return info as Deno.FileInfo; // a path has at least one segment
}

/** Turns the system's errors into errors that name the path as the client knows it. */
async function naming<T>(inbox: string, path: string | undefined, ask: () => Promise<T>) {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw path === undefined ? missingInbox(inbox) : missing(inbox, path);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      refuse(path ?? inbox, "the system does not let the collector read it; change its mode");
    }
    throw error;
  }
}

function missing(inbox: string, path: string): CodedError {
  return new CodedError("not_found", `Cannot collect "${path}": not in the inbox "${inbox}"`);
}

function missingInbox(inbox: string): CodedError {
  return new CodedError("not_found", `Cannot read the inbox "${inbox}": no such folder`);
}

function found(path: string, info: Deno.FileInfo): Found {
  return { path, size: info.size, modified: info.mtime?.getTime() ?? 0 };
}

/** Where the system has no inode numbers (Windows) they are null and say nothing. */
function same(one: Deno.FileInfo, other: Deno.FileInfo): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function kind(info: Deno.FileInfo): string {
  if (info.isFifo) return "FIFO";
  if (info.isSocket) return "socket";
  return info.isBlockDevice || info.isCharDevice ? "device" : "special file";
}
