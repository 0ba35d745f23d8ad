/**
 * The only way from a path to a file of the inbox. What must hold before a byte is read:
 *  1. No component of the path below the inbox is a symbolic link.
 *  2. The last component is a plain file.
 *  3. The open file is the file for which rules 1 and 2 were checked.
 *
 * A process that renames folders of the inbox while a file is opened can still win a race against
 * rule 1. Run the collector in a container that holds nothing else to read.
 *
 * @module
 */
import { constants, type FileHandle, open } from "node:fs/promises";
import { CodedError } from "../../../lib/errors.ts";
import { inboxPath, refuse } from "./inbox_path.ts";

/**
 * Looks a plain file up by rules 1 and 2, without opening it.
 *
 * @throws {CodedError} `not_found` if there is no file, `invalid_input` if it may not be read
 */
export async function findPlain(inbox: string, path: string): Promise<Deno.FileInfo> {
  const info = await lstatEach(inbox, path);
  if (info.isFile) return info;
  refuse(
    path,
    info.isDirectory
      ? `a directory; name a file in it or use the glob "${path}/*"`
      : `a ${kind(info)}; only plain files are read`,
  );
}

/** Without `O_NONBLOCK`, a FIFO that has replaced the file since rule 2 would block the thread. */
const READ_WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Opens a plain file for reading by rule 3; the caller closes it.
 *
 * @param found what `findPlain()` returned
 * @throws {CodedError} what `findPlain()` throws; `handler_failed` if the file was replaced since
 */
export async function openPlain(
  inbox: string,
  path: string,
  found: Identity,
): Promise<FileHandle> {
  const file = await naming(inbox, path, () => open(`${inbox}/${path}`, READ_WITHOUT_WAITING));
  try {
    const opened = await file.stat();
    const after = await findPlain(inbox, path);
    if (!opened.isFile() || !isSame(found, opened) || !isSame(opened, after)) {
      throw new CodedError("handler_failed", `Cannot collect "${path}": replaced while opened`);
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Checks that a folder of the inbox exists and is reached without links; `""` is the inbox itself.
 *
 * @throws {CodedError} `not_found` or `invalid_input`
 */
export async function checkFolder(inbox: string, folder: string): Promise<void> {
  const root = await naming(inbox, undefined, () => Deno.stat(inbox));
  if (!root.isDirectory) throw missingInbox(inbox);
  if (folder !== "") await lstatEach(inbox, folder);
}

/** Looks up each component by rule 1, and returns the last. */
async function lstatEach(inbox: string, path: string): Promise<Deno.FileInfo> {
  let at = "";
  let info: Deno.FileInfo | undefined;
  for (const segment of inboxPath(path)) {
    at += at === "" ? segment : `/${segment}`;
    info = await naming(inbox, path, () => Deno.lstat(`${inbox}/${at}`));
    if (info.isSymlink) {
      refuse(path, `"${at}" is a symbolic link; put what it points to into the inbox`);
    }
  }
  return info as Deno.FileInfo; // a path has at least one segment
}

/** Turns the system's errors into errors that name the path as the client knows it. */
async function naming<T>(inbox: string, path: string | undefined, call: () => Promise<T>) {
  try {
    return await call();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const reason = UNREADABLE[(error as { code: keyof typeof UNREADABLE }).code];
    if (reason === undefined) throw path === undefined ? missingInbox(inbox) : missing(inbox, path);
    refuse(path ?? inbox, reason);
  }
}

const NO_PERMISSION = "the system does not let the collector read it; change its mode";
const SPECIAL = "a special file; only plain files are read";
const UNNAMEABLE = "not a name that a file can have here";

/** Why a path can't be read, by the system's error code; `undefined` means that nothing is there. */
const UNREADABLE = {
  ENOENT: undefined,
  ENOTDIR: undefined,
  EACCES: NO_PERMISSION,
  EPERM: NO_PERMISSION,
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "a name in it is longer than the file system takes",
  EINVAL: UNNAMEABLE,
  EILSEQ: UNNAMEABLE,
  EISDIR: "a directory; name a file in it",
  ENXIO: SPECIAL,
  ENODEV: SPECIAL,
} as const;

/** Whether an error of the system is about the path, such as "no such file", and not a failure. */
export function isUnreadable(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code !== undefined && Object.hasOwn(UNREADABLE, code);
}

function missing(inbox: string, path: string): CodedError {
  return new CodedError("not_found", `Cannot collect "${path}": not in the inbox "${inbox}"`);
}

function missingInbox(inbox: string): CodedError {
  return new CodedError("not_found", `Cannot read the inbox "${inbox}": no such folder`);
}

type Identity = Pick<Deno.FileInfo, "ino" | "dev">;

/** On Windows both numbers are null, so every file counts as the same. */
function isSame(a: Identity, b: Identity): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function kind(info: Deno.FileInfo): string {
  if (info.isFifo) return "FIFO";
  if (info.isSocket) return "socket";
  return info.isBlockDevice || info.isCharDevice ? "device" : "special file";
}
