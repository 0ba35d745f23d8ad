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
import { constants, type FileHandle, open } from "node:fs/promises";
import { CodedError } from "../../../lib/errors.ts";
import { inboxPath, refuse } from "./inbox_path.ts";

/**
 * Looks at a plain file without opening it.
 *
 * @throws {CodedError} `not_found` when nothing is there, `invalid_input` when it may not be read
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

/** A FIFO that has come in a file's place since (2) must not keep the thread that opens it. */
const READ_NEVER_WAIT = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Opens a plain file for reading; the caller closes it.
 *
 * @param found what `findPlain()` returned
 * @throws {CodedError} what `findPlain()` throws; `handler_failed` if the file was replaced since
 */
export async function openPlain(
  inbox: string,
  path: string,
  found: Identity,
): Promise<FileHandle> {
  const file = await naming(inbox, path, () => open(`${inbox}/${path}`, READ_NEVER_WAIT));
  try {
    const opened = await file.stat();
    const after = await findPlain(inbox, path);
    if (!opened.isFile() || !same(found, opened) || !same(opened, after)) {
      throw new CodedError("handler_failed", `Cannot collect "${path}": replaced while opened`);
    }
    return file;
  } catch (error) {
    await file.close();
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

/** The state of the last component, when none of them is a link. */
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
async function naming<T>(inbox: string, path: string | undefined, ask: () => Promise<T>) {
  try {
    return await ask();
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    const reason = OUT_OF_REACH[(error as { code: keyof typeof OUT_OF_REACH }).code];
    if (reason === undefined) throw path === undefined ? missingInbox(inbox) : missing(inbox, path);
    refuse(path ?? inbox, reason);
  }
}

const CLOSED = "the system does not let the collector read it; change its mode";
const SPECIAL = "a special file; only plain files are read";
const UNNAMEABLE = "not a name that a file can have here";

/** By the system's code, why a path can't be read now or ever; without a reason nothing is there. */
const OUT_OF_REACH = {
  ENOENT: undefined,
  ENOTDIR: undefined,
  EACCES: CLOSED,
  EPERM: CLOSED,
  ELOOP: "links in it lead round in a circle",
  ENAMETOOLONG: "a name in it is longer than the file system takes",
  EINVAL: UNNAMEABLE,
  EILSEQ: UNNAMEABLE,
  EISDIR: "a directory; name a file in it",
  ENXIO: SPECIAL,
  ENODEV: SPECIAL,
} as const;

/** Whether the system says of a path that nothing of it can be read, and not that it has failed. */
export function isOutOfReach(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code !== undefined && Object.hasOwn(OUT_OF_REACH, code);
}

function missing(inbox: string, path: string): CodedError {
  return new CodedError("not_found", `Cannot collect "${path}": not in the inbox "${inbox}"`);
}

function missingInbox(inbox: string): CodedError {
  return new CodedError("not_found", `Cannot read the inbox "${inbox}": no such folder`);
}

type Identity = Pick<Deno.FileInfo, "ino" | "dev">;

/** Where the system has no inode numbers (Windows) they are null and say nothing. */
function same(one: Identity, other: Identity): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function kind(info: Deno.FileInfo): string {
  if (info.isFifo) return "FIFO";
  if (info.isSocket) return "socket";
  return info.isBlockDevice || info.isCharDevice ? "device" : "special file";
}
