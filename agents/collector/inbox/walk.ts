/**
 * Lists the plain files below a folder of the inbox, part by part.
 *
 * @module
 */
import { sleep } from "../../../lib/retry.ts";
import { isHiddenOrTemporary, PATH_CHARS_MAX } from "./inbox_path.ts";
import { checkFolder, isUnreadable } from "./plain_file.ts";

/** The most folders inside each other, counted from the inbox. */
export const DEPTH_MAX = 16;
/**
 * After this many entries of all kinds a walk opens no further folder. It also keeps no more entries
 * of a single folder.
 */
export const ENTRIES_MAX = 100_000;
/** The most files that one walk returns. */
export const FILES_MAX = 10_000;
/** The most folders that a walk names as left out. */
export const TOO_DEEP_MAX = 10;

/** Names between two checks for an abort; with the slowest glob they take 0.1 s. */
const NAMES_PER_CHECK = 1_000;

/** Sorts after every name. */
const LAST = "\uffff";

/** One part of a folder's files. */
export interface Walk {
  /** Paths relative to the inbox, sorted by code units. */
  readonly paths: string[];
  /** What the next walk takes as `after`; absent after the last part. */
  readonly next?: string;
  /** Some of the folders that were left out because they are deeper than `DEPTH_MAX`. */
  readonly tooDeep: string[];
}

/** Which files a walk lists. */
export interface WalkOptions {
  /** Folder to list; absence means the inbox itself. */
  readonly folder?: string;
  /** The most segments of a path; absence means as many as `DEPTH_MAX` allows. */
  readonly depth?: number;
  /** Selects paths; absence means all. */
  readonly wanted?: (path: string) => boolean;
  /** Lists what sorts after this; absence means from the first. */
  readonly after?: string;
  /** Absence means `FILES_MAX`. */
  readonly filesMax?: number;
  /** Absence means `ENTRIES_MAX`. */
  readonly entriesMax?: number;
  /** Ends the walk. */
  readonly signal?: AbortSignal;
}

/**
 * Lists the next part of the plain files. Links, special files, hidden and temporary names and paths
 * that are too long are left out. Each walk gets further than the walk before it, so walk by walk all
 * files are listed, whatever else lies there.
 *
 * @throws {CodedError} `not_found` or `invalid_input` if the folder itself can't be listed
 * @throws the signal's reason when it aborts
 */
export async function walk(inbox: string, options: WalkOptions = {}): Promise<Walk> {
  const { folder = "", depth = Infinity, wanted = () => true } = options;
  const { after = "", filesMax = FILES_MAX, entriesMax = ENTRIES_MAX, signal } = options;
  await checkFolder(inbox, folder);
  const paths: string[] = [];
  const tooDeep: string[] = [];
  let entries = 0;
  let isFurther = false;
  let names = 0;
  const checkAbort = async (): Promise<void> => {
    if (++names % NAMES_PER_CHECK === 0) await sleep(0, signal);
  };

  /** Lists a folder, whose path is empty or ends with a slash; returns `next` if the walk ends there. */
  const visit = async (folder: string): Promise<string | undefined> => {
    isFurther ||= folder >= after;
    const listed = await list(inbox, folder, { depth, after, entriesMax, checkAbort });
    entries += listed.entries;
    for (const path of listed.paths) {
      await checkAbort();
      if (!path.endsWith("/")) {
        if (!wanted(path)) continue;
        if (paths.length === filesMax) return paths.at(-1);
        paths.push(path);
      } else if (path.split("/").length > DEPTH_MAX) {
        if (tooDeep.length < TOO_DEEP_MAX) tooDeep.push(path.slice(0, -1));
      } else {
        if (entries >= entriesMax && isFurther) return path;
        const end = await visit(path);
        if (end !== undefined) return end;
      }
    }
    if (!listed.isCut) return;
    const last = listed.paths.at(-1)!;
    return last.endsWith("/") ? last + LAST : last;
  };

  const next = await visit(folder === "" ? "" : `${folder}/`);
  return { paths, tooDeep, ...(next !== undefined && { next }) };
}

interface Listing {
  /** Files and folders, sorted. Folders end with a slash. */
  readonly paths: string[];
  /** Number of entries of all kinds. */
  readonly entries: number;
  /** Whether more paths follow. */
  readonly isCut: boolean;
}

/** Lists the first paths of a folder that sort after `after`, and the folder that `after` lies in. */
async function list(
  inbox: string,
  folder: string,
  { depth, after, entriesMax, checkAbort }: {
    depth: number;
    after: string;
    entriesMax: number;
    checkAbort: () => Promise<void>;
  },
): Promise<Listing> {
  const paths: string[] = [];
  let entries = 0;
  let isCut = false;
  const cut = (): void => {
    paths.sort();
    isCut ||= paths.length > entriesMax;
    paths.splice(entriesMax);
  };
  for await (const { name, isFile, isDirectory } of entriesOf(`${inbox}/${folder}`)) {
    entries++;
    await checkAbort();
    const path = folder + name;
    if (isHiddenOrTemporary(name) || name.includes("\\") || path.length > PATH_CHARS_MAX) continue;
    const inner = `${path}/`;
    if (isFile && path > after) paths.push(path);
    else if (isDirectory && path.split("/").length < depth) {
      const isOnTheWay = after.startsWith(inner) && after !== inner + LAST;
      if (inner > after || isOnTheWay) paths.push(inner);
    }
    if (paths.length === 2 * entriesMax) cut();
  }
  cut();
  return { paths, entries, isCut };
}

/** Lists a folder; it counts as empty if it is removed or made unreadable during the walk. */
async function* entriesOf(folder: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(folder);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
}
