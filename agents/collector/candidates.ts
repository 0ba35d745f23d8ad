/**
 * The inputs that a list of sources stands for, in order.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Source } from "../shapes.ts";
import type { Cursor } from "./collect_shapes.ts";
import { depthOf, folderOf, matches } from "./inbox/glob.ts";
import { inboxPath, refuse } from "./inbox/inbox_path.ts";
import { DEPTH_MAX, ENTRIES_MAX, FILES_MAX, walk } from "./inbox/walk.ts";

/** One inline text or one file, as a cursor that is not begun. */
export type Candidate = Omit<Cursor, "at">;

const INLINE_NAME_DEFAULT = "inline";

/** Returns the name of an inline text, the path of a file, or the text of a glob. */
export function nameOf(source: Source): string {
  if ("text" in source) return source.name ?? INLINE_NAME_DEFAULT;
  return "file" in source ? source.file : source.glob;
}

/**
 * Yields the candidates from the cursor on, without the cursor's own if that is begun; without a
 * cursor, all. A glob is expanded anew for each request, so new files are found if they sort after
 * the cursor's path.
 *
 * @throws {CodedError} `not_found` for a glob without a match, unless the cursor lies in it; what
 * `inboxPath()` and `walk()` throw
 */
export async function* candidates(
  inbox: string,
  sources: Source[],
  signal: AbortSignal,
  cursor?: Cursor,
): AsyncGenerator<Candidate> {
  const isBegun = cursor?.at !== undefined;
  for (let index = cursor?.source ?? 0; index < sources.length; index++) {
    const source = sources[index];
    const isResumed = index === cursor?.source;
    if ("glob" in source) {
      const from = isResumed ? cursor.path : undefined;
      for (const path of await expand(inbox, source.glob, from === undefined, signal)) {
        const isAfter = from === undefined || path > from || path === from && !isBegun;
        if (isAfter) yield { source: index, path };
      }
    } else if (!(isResumed && isBegun)) {
      yield "file" in source ? { source: index, path: source.file } : { source: index };
    }
  }
}

/**
 * Checks that a cursor can belong to these sources.
 *
 * @throws {CodedError} `invalid_input` if it can't
 */
export function checkCursor(sources: Source[], { source: index, path, at }: Cursor): void {
  const source = sources[index];
  const fits = source !== undefined && (at === undefined || at.offset > 0) && (
    "text" in source
      ? path === undefined
      : path !== undefined && ("file" in source ? path === source.file : matches(source.glob, path))
  );
  if (!fits) {
    const message = "Cannot continue: the cursor does not belong to these sources";
    throw new CodedError("invalid_input", message);
  }
}

async function expand(
  inbox: string,
  glob: string,
  mustMatch: boolean,
  signal: AbortSignal,
): Promise<string[]> {
  inboxPath(glob);
  const depth = depthOf(glob);
  const { paths, next, tooDeep } = await walk(inbox, {
    folder: folderOf(glob),
    depth,
    wanted: (path) => matches(glob, path),
    signal,
  });
  if (next !== undefined) {
    refuse(glob, `more than ${FILES_MAX} files or ${ENTRIES_MAX} entries; use narrower globs`);
  }
  // A `**` asks for no depth, so a deep folder does not fail it: anyone who may make folders could
  // stop all such globs.
  if (tooDeep.length > 0 && depth !== Infinity) refuse(glob, `more than ${DEPTH_MAX} folders deep`);
  if (mustMatch && paths.length === 0) {
    const hint = tooDeep.length > 0 ? `, and "${tooDeep[0]}" is too deep to be looked into` : "";
    throw new CodedError(
      "not_found",
      `Cannot collect "${glob}": no file in "${inbox}" matches${hint}`,
    );
  }
  return paths;
}
