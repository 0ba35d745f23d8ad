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
 * Gives the candidates from `from` on; absence means all. A glob is expanded anew each time, so
 * files that came since are found if they sort behind `from`.
 *
 * @throws {CodedError} `not_found` for a glob without a match, unless `from` lies in it; what
 * `inboxPath()` and `walk()` throw
 */
export async function* candidates(
  inbox: string,
  sources: Source[],
  signal: AbortSignal,
  from?: Candidate,
): AsyncGenerator<Candidate> {
  for (let source = from?.source ?? 0; source < sources.length; source++) {
    const now = sources[source];
    if ("glob" in now) {
      const after = source === from?.source ? from.path : undefined;
      for (const path of await expand(inbox, now.glob, after === undefined, signal)) {
        if (after === undefined || path >= after) yield { source, path };
      }
    } else {
      yield "file" in now ? { source, path: now.file } : { source };
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
