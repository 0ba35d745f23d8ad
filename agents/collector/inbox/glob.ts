/**
 * Globs over paths with `/` between their segments.
 *
 * `*` stands for any characters of one segment, `?` for one of them, and a whole segment `**` for
 * any number of segments, none included. Everything else stands for itself.
 *
 * @module
 */

/** Whether the whole path matches; takes time of at most glob times path, whatever the glob. */
export function matches(glob: string, path: string): boolean {
  return align(glob.split("/"), path.split("/"), "**", matchesSegment);
}

/** The folder that every match lies in: the segments before the first wildcard. */
export function folderOf(glob: string): string {
  const segments = glob.split("/");
  const wild = segments.findIndex((segment) => /[*?]/.test(segment));
  return segments.slice(0, wild < 0 ? -1 : wild).join("/");
}

/** How many segments a match has at most; `Infinity` with a `**`. */
export function depthOf(glob: string): number {
  const segments = glob.split("/");
  return segments.includes("**") ? Infinity : segments.length;
}

function matchesSegment(glob: string, segment: string): boolean {
  return align([...glob], [...segment], "*", (wild, char) => wild === "?" || wild === char);
}

/**
 * Matches a row of patterns with a row of items, where `many` stands for any number of items. Only
 * the latest `many` is ever tried again: what an earlier one could give up, the later one can take.
 */
function align<T>(patterns: T[], items: T[], many: T, one: (pattern: T, item: T) => boolean) {
  let pattern = 0, item = 0, retryPattern = -1, retryItem = 0;
  while (item < items.length) {
    if (patterns[pattern] === many) {
      retryPattern = ++pattern;
      retryItem = item;
    } else if (pattern < patterns.length && one(patterns[pattern], items[item])) {
      pattern++;
      item++;
    } else if (retryPattern >= 0) {
      pattern = retryPattern;
      item = ++retryItem;
    } else {
      return false;
    }
  }
  while (patterns[pattern] === many) pattern++;
  return pattern === patterns.length;
}
