/**
 * The wildcard, and what makes one of several.
 *
 * @module
 */

/** Stands in a template for what varies. */
export const WILDCARD = "<*>";

/** Words of a group that is recognised when it repeats. */
const GROUP_WORDS_MAX = 8;
const WILDCARD_WORD = /^<\*>[,;]?$/;

/** Joins the wildcards of one word: `<*>:<*>`, `<*>,<*>`, `<*><*>` and the like become `<*>`. */
export function joinWildcards(word: string): string {
  return word.includes(WILDCARD) ? word.replace(/<\*>(?:[:,.#/|x@-]*<\*>)+/g, WILDCARD) : word;
}

/**
 * Leaves one of several wildcards in a row, and one of several equal groups that hold a wildcard.
 */
export function collapseRepeats(words: readonly string[]): string[] {
  const collapsed: string[] = [];
  for (const word of words) {
    if (WILDCARD_WORD.test(word) && WILDCARD_WORD.test(collapsed.at(-1) ?? "")) {
      collapsed[collapsed.length - 1] = word;
      continue;
    }
    collapsed.push(word);
    dropRepeatedGroup(collapsed);
  }
  return collapsed;
}

/** Removes the last group of words if it equals the group before it and holds a wildcard. */
function dropRepeatedGroup(words: string[]): void {
  const end = words.length;
  for (let size = 1; size <= GROUP_WORDS_MAX && 2 * size <= end; size++) {
    let equal = true;
    let wild = false;
    for (let index = 1; equal && index <= size; index++) {
      const word = words[end - index];
      equal = word === words[end - size - index];
      wild ||= word.includes(WILDCARD);
    }
    if (equal && wild) {
      words.length = end - size;
      return;
    }
  }
}
