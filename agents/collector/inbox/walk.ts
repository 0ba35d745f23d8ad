/**
 * The plain files below a folder of the inbox.
 *
 * @module
 */
import { sleep } from "../../../lib/retry.ts";
import { isPassing, PATH_CHARS_MAX } from "./inbox_path.ts";
import { checkFolder, isOutOfReach } from "./plain_file.ts";

/** Folders inside each other, counted from the inbox. */
export const DEPTH_MAX = 16;
/** Entries of all kinds behind which a walk opens no further folder; of one folder it keeps as many. */
export const ENTRIES_MAX = 100_000;
/** Files that one walk gives. */
export const FILES_MAX = 10_000;
/** Folders that a walk names as left out; there may be more. */
export const TOO_DEEP_MAX = 10;

/** Names that are looked at before an abort is let in: with the slowest glob they take 0.1 s. */
const NAMES_AT_ONCE = 1_000;

/** Sorts behind every name. */
const LAST = "\uffff";

export interface Walk {
  /** Paths from the inbox on, sorted by code units. */
  readonly paths: string[];
  /** Where to go on, for `after`; absence means that nothing lies behind. */
  readonly next?: string;
  /** Folders that are left out, since they are deeper than `DEPTH_MAX`. */
  readonly tooDeep: string[];
}

export interface WalkOptions {
  /** Where to begin; absence means the inbox itself. */
  readonly folder?: string;
  /** Segments that a path may have; absence means as many as `DEPTH_MAX` allows. */
  readonly depth?: number;
  /** Which paths to give; absence means all. */
  readonly wanted?: (path: string) => boolean;
  /** Gives what is sorted behind this; absence means from the first. */
  readonly after?: string;
  /** Absence means `FILES_MAX`. */
  readonly filesMax?: number;
  /** Absence means `ENTRIES_MAX`. */
  readonly entriesMax?: number;
  /** Ends the walk; absence means that nothing does. */
  readonly signal?: AbortSignal;
}

/**
 * Lists plain files. Links, special files, hidden and temporary names and paths that are too long
 * to be named are left out. Each walk gets further than the one that it goes on behind, so walk by
 * walk all is seen, whatever lies there.
 *
 * @throws {CodedError} `not_found` or `invalid_input` when the folder itself can't be walked; the
 * signal's reason when it aborts
 */
export async function walk(inbox: string, options: WalkOptions = {}): Promise<Walk> {
  const { folder = "", depth = Infinity, wanted = () => true } = options;
  const { after = "", filesMax = FILES_MAX, entriesMax = ENTRIES_MAX, signal } = options;
  await checkFolder(inbox, folder);
  const paths: string[] = [];
  const tooDeep: string[] = [];
  let entries = 0;
  let isFurther = false;
  let looks = 0;
  const look = async (): Promise<void> => {
    if (++looks % NAMES_AT_ONCE === 0) await sleep(0, signal);
  };

  /** Looks into a folder, whose path is empty or ends with a slash; gives where the walk has to end. */
  const visit = async (folder: string): Promise<string | undefined> => {
    isFurther ||= folder >= after;
    const listed = await list(inbox, folder, { depth, after, entriesMax, look });
    entries += listed.entries;
    for (const path of listed.paths) {
      await look();
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

interface Listed {
  /** Files and, with a slash at their end, folders, sorted. */
  readonly paths: string[];
  /** Entries of all kinds. */
  readonly entries: number;
  /** Whether there are more paths behind these. */
  readonly isCut: boolean;
}

/** The first paths of a folder that lie behind `after`, and the folder that `after` lies in. */
async function list(
  inbox: string,
  folder: string,
  { depth, after, entriesMax, look }: {
    depth: number;
    after: string;
    entriesMax: number;
    look: () => Promise<void>;
  },
): Promise<Listed> {
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
    await look();
    const path = folder + name;
    if (isPassing(name) || name.includes("\\") || path.length > PATH_CHARS_MAX) continue;
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

/** A folder that is removed or closed to us during the walk has no entries. */
async function* entriesOf(folder: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(folder);
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
  }
}
