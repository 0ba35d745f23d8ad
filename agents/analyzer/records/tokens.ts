/**
 * Tokens of a log line: what stands between spaces and pipes.
 *
 * @module
 */

const TOKEN = /[^\s|]+/y;
const GAP = /[\s|]+/y;

/** The token that begins at `position`; undefined at a gap and at the end. */
export function tokenAt(text: string, position: number): string | undefined {
  return matchAt(TOKEN, text, position);
}

/** The first position from `position` on that is neither a space nor a pipe. */
export function skipGap(text: string, position: number): number {
  return position + (matchAt(GAP, text, position)?.length ?? 0);
}

/** What a sticky pattern matches at `position`; undefined if it does not match there. */
export function matchAt(pattern: RegExp, text: string, position: number): string | undefined {
  pattern.lastIndex = position;
  return pattern.exec(text)?.[0];
}

/**
 * Whether a token can be a column of a header: a dash, capitals, or a token with a digit or an
 * inner mark such as the dot of `a.b`. A plain word cannot: it may be the message's first.
 */
export function isColumn(token: string): boolean {
  return !/[a-z]/.test(token) || /\d/.test(token) || /\w[.$/_@-]\w/.test(token);
}
