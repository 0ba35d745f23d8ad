/**
 * The inputs that a list of sources stands for, in their order.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Source } from "../shapes.ts";
import type { Cursor } from "./collect_shapes.ts";
import { depthOf, folderOf, matches } from "./inbox/glob.ts";
import { inboxPath, refuse } from "./inbox/inbox_path.ts";
import { DEPTH_MAX, ENTRIES_MAX, FILES_MAX, walk } from "./inbox/walk.ts";

/** One text or one file: a cursor that has not been begun. */
export type Candidate = Omit<Cursor, "at">;

const INLINE_NAME = "inline";

/** The name of an inline text, the path of a file, the text of a glob. */
export function nameOf(source: Source): string {
  if ("text" in source) return source.name ?? INLINE_NAME;
  return "file" in source ? source.file : source.glob;
}

/**
 * Yields the candidates from a cursor on; one that it has begun is left out. Without a cursor these
 * are all. A glob is expanded anew for each request, so files that came since are found if they sort
 * after the cursor's path.
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
  for (let source = cursor?.source ?? 0; source < sources.length; source++) {
    const current = sources[source];
    const isResumed = source === cursor?.source;
    if ("glob" in current) {
      const from = isResumed ? cursor.path : undefined;
      for (const path of await expand(inbox, current.glob, from === undefined, signal)) {
        if (from === undefined || path > from || path === from && !isBegun) yield { source, path };
      }
    } else if (!(isResumed && isBegun)) {
      yield "file" in current ? { source, path: current.file } : { source };
    }
  }
}

/**
 * Checks that a cursor could have been given for these sources.
 *
 * @throws {CodedError} `invalid_input` when it could not
 */
export function checkCursor(sources: Source[], { source: index, path, at }: Cursor): void {
  const source = sources[index];
  const fits = source !== undefined && (at === undefined || at.offset > 0) && (
    "text" in source
      ? path === undefined
      : path !== undefined && ("file" in source ? path === source.file : matches(source.glob, path))
  );
  if (!fits) {
    throw new CodedError("invalid_input", "Cannot go on: the cursor is not of these sources");
  }
}

async function expand(
  inbox: string,
  glob: string,
  some: boolean,
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
  // With a `**` it is not said how deep: whoever may make folders must not stop all such globs.
  if (tooDeep.length > 0 && depth !== Infinity) refuse(glob, `more than ${DEPTH_MAX} folders deep`);
  if (some && paths.length === 0) {
    const without = tooDeep.length > 0 ? `, and "${tooDeep[0]}" is too deep to be looked into` : "";
    throw new CodedError(
      "not_found",
      `Cannot collect "${glob}": no file in "${inbox}" matches${without}`,
    );
  }
  return paths;
}
