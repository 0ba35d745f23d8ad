/**
 * Globs over paths with `/` between their segments.
 *
 * `*` stands for any characters of one segment, `?` for one of them, and a whole segment `**` for
 * any number of segments, none included. Everything else stands for itself.
 *
 * @module
 */

/** Whether the whole path matches. The time is at most proportional to glob length × path length. */
export function matches(glob: string, path: string): boolean {
  return align(glob.split("/"), path.split("/"), "**", matchesSegment);
}

/** Returns the folder that every match lies in: the segments before the first wildcard. */
export function folderOf(glob: string): string {
  const segments = glob.split("/");
  const wild = segments.findIndex((segment) => /[*?]/.test(segment));
  return segments.slice(0, wild < 0 ? -1 : wild).join("/");
}

/** Returns the most segments that a match has; `Infinity` with a `**`. */
export function depthOf(glob: string): number {
  const segments = glob.split("/");
  return segments.includes("**") ? Infinity : segments.length;
}

function matchesSegment(glob: string, segment: string): boolean {
  return align([...glob], [...segment], "*", (wild, char) => wild === "?" || wild === char);
}

/**
 * Matches a list of patterns with a list of items; the pattern `many` stands for any number of items.
 * Only the latest `many` is ever retried: items that an earlier one could take, the later one can
 * take as well.
 */
function align<T>(
  patterns: T[],
  items: T[],
  many: T,
  matchesItem: (pattern: T, item: T) => boolean,
): boolean {
  let pattern = 0, item = 0, retryPattern = -1, retryItem = 0;
  while (item < items.length) {
    if (patterns[pattern] === many) {
      retryPattern = ++pattern;
      retryItem = item;
    } else if (pattern < patterns.length && matchesItem(patterns[pattern], items[item])) {
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
