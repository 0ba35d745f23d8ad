/**
 * The columns of a header that state neither time nor level: brackets, process, logger, tag.
 *
 * @module
 */
import { isColumn, matchAt, skipGap, tokenAt } from "./tokens.ts";

/** Columns that are skipped in a row. */
const COLUMNS_MAX = 24;
/** Characters of a bracketed column. */
const BRACKET_CHARS_MAX = 160;
/** Tokens among which a tag is looked for. */
const TAG_TOKENS_MAX = 3;

const NUMBER = /\d+(?=[\s|])/y;
/**
 * `sshd[123]:`, `sshd(pam_unix)[123]:`, `kernel:`, `com.apple.launchd[1] (com.apple.quicklook[8]):`
 */
const TAG =
  /[A-Za-z_][\w./@-]{0,63}(?:\([\w:-]{1,32}\))?(?:\[[\w.-]{1,32}\])?(?: \([\w.\[\]-]{1,120}\))?:(?=\s|$)/y;
/** `org.apache.Foo$Bar:`; without the colon only before a bracket or a dash. */
const LOGGER = /[A-Za-z_][\w.$<>-]{2,120}(?:[ \t]{0,40}:(?=\s)|(?=[ \t]{1,40}(?:\[|- )))/y;
const LOGCAT_TAG = /[A-Za-z_][\w.:\/-]{0,63}[ \t]*:(?=\s)/y;

/**
 * Skips what stands between a level and the message: separators, brackets, a number, the logger.
 *
 * @param logcat whether the level was a letter, as in logcat: a tag follows it
 * @returns the end of the last column; `from` if there is none
 */
export function skipColumns(text: string, from: number, logcat: boolean): number {
  let end = from;
  for (let columns = 0; columns < COLUMNS_MAX; columns++) {
    const next = columnEnd(text, skipGap(text, end), logcat);
    if (next === undefined) break;
    end = next;
  }
  return end;
}

function columnEnd(text: string, position: number, logcat: boolean): number | undefined {
  if (text[position] === "[") return bracketEnd(text, position);
  const logger = matchAt(LOGGER, text, position);
  const name = (logger !== undefined && /\w[.$]\w/.test(logger) ? logger : undefined) ??
    (logcat ? matchAt(LOGCAT_TAG, text, position) : undefined);
  if (name !== undefined) return position + name.length;
  const token = tokenAt(text, position);
  if (token !== undefined && /^[-:>]+$/.test(token)) return position + token.length;
  const number = matchAt(NUMBER, text, position);
  if (number === undefined) return undefined;
  // A number is a column only before another one: otherwise it is the message's first word.
  const next = skipGap(text, position + number.length);
  return text[next] === "[" || matchAt(LOGGER, text, next) !== undefined
    ? position + number.length
    : undefined;
}

/** Skips `host tag:`, `tag:` or `program -`; returns `from` if none of these stands there. */
export function skipTag(text: string, from: number): number {
  let position = skipGap(text, from);
  for (let tokens = 0; tokens < TAG_TOKENS_MAX; tokens++) {
    const tag = matchAt(TAG, text, position);
    if (tag !== undefined) return position + tag.length;
    const token = tokenAt(text, position);
    if (token === undefined) return from;
    if (token === "-" && tokens > 0) return position + 1;
    if (/[:=;,]$/.test(token)) return from;
    if (tokens > 0 && !isColumn(token)) return from;
    position = skipGap(text, position + token.length);
  }
  return from;
}

/** The position after the bracket that closes the one at `position`; undefined if none is near. */
export function bracketEnd(text: string, position: number): number | undefined {
  const open = text[position];
  const close = open === "[" ? "]" : ")";
  let depth = 0;
  const last = Math.min(text.length, position + BRACKET_CHARS_MAX);
  for (let index = position; index < last; index++) {
    if (text[index] === open) depth++;
    else if (text[index] === close && --depth === 0) return index + 1;
  }
  return undefined;
}
