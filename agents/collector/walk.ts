/**
 * The plain files below a folder of the inbox.
 *
 * @module
 */
import { isPassing, PATH_CHARS_MAX } from "./inbox_path.ts";
import { checkFolder } from "./plain_file.ts";

/** Folders inside each other, counted from the inbox. */
export const DEPTH_MAX = 16;
/** Entries of all kinds that one walk looks at. */
export const ENTRIES_MAX = 100_000;
/** Files that one walk gives. */
export const FILES_MAX = 10_000;

export interface Walk {
  /** Paths from the inbox on, sorted by code units. */
  readonly paths: string[];
  /** Whether a limit ended the walk early; which files are missing then is not defined. */
  readonly more: boolean;
}

export interface WalkOptions {
  /** Where to begin; absence means the inbox itself. */
  readonly folder?: string;
  /** Segments that a path may have; absence means as many as `DEPTH_MAX` allows. */
  readonly depth?: number;
  /** Which paths to give; absence means all. */
  readonly wanted?: (path: string) => boolean;
}

/**
 * Lists plain files. Links, special files, hidden and temporary names and paths that are too long
 * to be named are left out.
 *
 * @throws {CodedError} `not_found` or `invalid_input` when the folder itself can't be walked
 */
export async function walk(inbox: string, options: WalkOptions = {}): Promise<Walk> {
  const { folder = "", depth = Infinity, wanted = () => true } = options;
  await checkFolder(inbox, folder);
  const paths: string[] = [];
  const folders = [folder];
  let entries = 0, more = false;
  for (let at; (at = folders.pop()) !== undefined && !more;) {
    for await (const { name, isFile, isDirectory } of entriesOf(`${inbox}/${at}`)) {
      if (++entries > ENTRIES_MAX) more = true;
      if (more) break;
      const path = at === "" ? name : `${at}/${name}`;
      if (isPassing(name) || name.includes("\\") || path.length > PATH_CHARS_MAX) continue;
      const segments = path.split("/").length;
      if (isFile && wanted(path)) {
        if (paths.length < FILES_MAX) paths.push(path);
        else more = true;
      } else if (isDirectory && segments < depth) {
        if (segments < DEPTH_MAX) folders.push(path);
        else more = true;
      }
    }
  }
  return { paths: paths.sort(), more };
}

/** A folder that is removed or closed to us during the walk has no entries. */
async function* entriesOf(folder: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(folder);
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.PermissionDenied;
    if (!gone) throw error;
  }
}
