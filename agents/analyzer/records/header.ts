/**
 * The columns that a log puts before its message: time, level, host, process, logger.
 *
 * 1. A time is looked for among the first tokens; what stands before it must look like columns.
 * 2. Behind it go on: further times, a level, bracketed columns, numbers, separators.
 * 3. A level some tokens further on ends the header there, when only columns lie between.
 * 4. Else a syslog tag (`name[pid]:`, perhaps behind a host) ends it.
 * 5. What is left is the message; if nothing is left, the header is taken back to the time.
 *
 * No format is configured: a line is judged by itself, so that pages can be read in any order.
 *
 * @module
 */
import type { Level } from "../../shapes.ts";
import { levelOf, levelOfLetter } from "./level.ts";
import { stampAt } from "./timestamp.ts";

/** A line taken apart. */
export interface Header {
  readonly at: number | null;
  readonly level: Level;
  /** Whether a time or a level was found in front: such a line starts a record. */
  readonly found: boolean;
  /** Where the message begins. */
  readonly end: number;
}

/** Tokens before the first time. */
const BEFORE_TIME_MAX = 6;
/** Columns between a time and the level. */
const BEFORE_LEVEL_MAX = 6;
/** Items of a header in all. */
const ITEMS_MAX = 24;
/** Characters of a bracketed column. */
const BRACKET_CHARS_MAX = 160;
/** Characters of the front of a line that may be header. */
const HEADER_CHARS_MAX = 512;

const TOKEN = /[^\s|]+/y;
const GAP = /[\s|]+/y;
const NUMBER = /\d+(?=[\s|])/y;
const GLOG = /([FEWID])\d{4} (?=\d{2}:\d{2}:\d{2})/y;
const SYSLOG_PRIORITY = /<\d{1,3}>\d{0,2} ?/y;
/** `sshd[123]:`, `sshd(pam_unix)[123]:`, `kernel:`, `com.apple.launchd[1] (com.apple.quicklook[8]):` */
const TAG =
  /[A-Za-z_][\w./@-]{0,63}(?:\([\w:-]{1,32}\))?(?:\[[\w.-]{1,32}\])?(?: \([\w.\[\]-]{1,120}\))?:(?=\s|$)/y;
/** `org.apache.Foo$Bar:`; without the colon only in front of a bracket or a dash. */
const LOGGER = /[A-Za-z_][\w.$<>-]{2,120}(?:[ \t]{0,40}:(?=\s)|(?=[ \t]{1,40}(?:\[|- )))/y;
const LOGCAT_TAG = /[A-Za-z_][\w.:\/-]{0,63}[ \t]*:(?=\s)/y;

/** Takes a line's header apart. */
export function readHeader(line: string): Header {
  const text = line.length > HEADER_CHARS_MAX ? line.slice(0, HEADER_CHARS_MAX) : line;
  let at: number | null = null;
  let level: Level = "none";
  let end = matched(SYSLOG_PRIORITY, text, 0)?.length ?? 0;

  const glog = matched(GLOG, text, end);
  if (glog !== undefined) {
    level = levelOfLetter(glog[0]) ?? "none";
    at = stampAt(`${glog.slice(1, 3)}-${text.slice(end + 3, end + 48)}`, 0)?.at ?? null;
  }
  const first = firstTime(text, end);
  if (first !== undefined) {
    at ??= first.at;
    end = first.end;
  }
  const timed = end;

  for (let items = 0; items < ITEMS_MAX; items++) {
    const next = skipGap(text, end);
    if (next >= text.length) break;
    const item = itemAt(text, next, level, at !== null);
    if (item === undefined) break;
    if (item.level !== undefined) level = item.level;
    end = item.end;
  }
  if (level === "none" && at !== null) {
    const ahead = levelAhead(text, end);
    if (ahead !== undefined) {
      level = ahead.level;
      end = columnsAfterLevel(text, ahead.end, ahead.letter);
    } else {
      end = behindTag(text, end);
    }
  } else if (level !== "none") {
    end = columnsAfterLevel(text, end, false);
  }
  let start = skipGap(text, end);
  if (start >= line.length) start = skipGap(text, timed);
  return { at, level, found: at !== null || level !== "none", end: start };
}

/** The first time of a line, its brackets included; tokens before it must look like columns. */
function firstTime(text: string, from: number): { at: number; end: number } | undefined {
  let position = from;
  for (let tokens = 0; tokens <= BEFORE_TIME_MAX; tokens++) {
    position = skipGap(text, position);
    const stamp = bracketedStamp(text, position);
    if (stamp !== undefined) return stamp;
    const token = matched(TOKEN, text, position);
    if (token === undefined) return undefined;
    // An access log has its user's name before the bracketed time.
    const beforeBracket = text.startsWith(" [", position + token.length);
    if (!isColumn(token) && !beforeBracket) return undefined;
    position += token.length;
  }
  return undefined;
}

function bracketedStamp(text: string, position: number): { at: number; end: number } | undefined {
  const bracket = text[position] === "[" || text[position] === "(";
  const stamp = stampAt(text, bracket ? position + 1 : position);
  if (stamp === undefined) return undefined;
  const close = bracket && /[\])]/.test(text[stamp.end] ?? "") ? 1 : 0;
  const comma = text[stamp.end + close] === "," || text[stamp.end + close] === ":" ? 1 : 0;
  return { at: stamp.at, end: stamp.end + close + comma };
}

/** One item behind a time or a level: its end, and the level that it states. */
function itemAt(
  text: string,
  position: number,
  level: Level,
  timed: boolean,
): { end: number; level?: Level } | undefined {
  const char = text[position];
  if (char === "[" || char === "(") {
    const end = closing(text, position);
    if (end === undefined) return undefined;
    const stated = levelOf(lastWord(text.slice(position + 1, end - 1)));
    if (stated !== undefined && level === "none") return { end, level: stated };
    return char === "[" && (timed || level !== "none") ? { end } : undefined;
  }
  const token = matched(TOKEN, text, position);
  if (token === undefined) return undefined;
  const end = position + token.length;
  if (/^[-:,;>*]+$/.test(token) && timed) return { end };
  const word = token.replace(/[:,]$/, "");
  const stated = level === "none" ? levelOf(word) : undefined;
  // In front of a line without a time only a loud or marked word is a level.
  if (stated !== undefined && (timed || word === word.toUpperCase() || word !== token)) {
    return { end, level: stated };
  }
  if (!timed) return undefined;
  const stamp = laterTime(text, position);
  if (stamp !== undefined) return { end: stamp };
  return undefined;
}

/** The end of another time that stands here or behind up to three columns. */
function laterTime(text: string, position: number): number | undefined {
  for (let tokens = 0; tokens < 3; tokens++) {
    const stamp = bracketedStamp(text, position);
    if (stamp !== undefined) return stamp.end;
    const token = matched(TOKEN, text, position);
    if (token === undefined || !isColumn(token) || /[:=]$/.test(token)) return undefined;
    position = skipGap(text, position + token.length);
  }
  return undefined;
}

/** A level in capitals or brackets behind columns. */
function levelAhead(
  text: string,
  from: number,
): { level: Level; end: number; letter: boolean } | undefined {
  let position = skipGap(text, from);
  for (let tokens = 0; tokens <= BEFORE_LEVEL_MAX; tokens++) {
    const token = matched(TOKEN, text, position);
    if (token === undefined) return undefined;
    const end = position + token.length;
    const word = token.replace(/^[[(<]|[\])>:,]+$/g, "");
    const stated = levelOf(word);
    if (stated !== undefined && (word === word.toUpperCase() || word.length < token.length)) {
      return { level: stated, end, letter: false };
    }
    if (word.length === 1 && tokens > 0) {
      const letter = levelOfLetter(word);
      if (letter !== undefined) return { level: letter, end, letter: true };
    }
    if (/[:=;,]$/.test(token) || token.includes("=")) return undefined;
    // One plain word may be the host.
    if (tokens > 0 && !isColumn(token)) return undefined;
    position = skipGap(text, end);
  }
  return undefined;
}

/** Skips what stands between a level and the message: separators, brackets, a number, the logger. */
function columnsAfterLevel(text: string, from: number, letter: boolean): number {
  let end = from;
  for (let items = 0; items < ITEMS_MAX; items++) {
    const next = skipGap(text, end);
    const column = columnAt(text, next, letter);
    if (column === undefined) break;
    end = column;
  }
  return end;
}

function columnAt(text: string, position: number, letter: boolean): number | undefined {
  if (text[position] === "[") return closing(text, position);
  const logger = matched(LOGGER, text, position);
  const found = (logger !== undefined && /\w[.$]\w/.test(logger) ? logger : undefined) ??
    (letter ? matched(LOGCAT_TAG, text, position) : undefined);
  if (found !== undefined) return position + found.length;
  const token = matched(TOKEN, text, position);
  if (token !== undefined && /^[-:>]+$/.test(token)) return position + token.length;
  const number = matched(NUMBER, text, position);
  // A number is a column only in front of another one: else it is the message's first word.
  if (number !== undefined) {
    const next = skipGap(text, position + number.length);
    return text[next] === "[" || matched(LOGGER, text, next) !== undefined
      ? position + number.length
      : undefined;
  }
  return undefined;
}

/** Behind `host tag:`, `tag:` or `program -`; `from` where neither is there. */
function behindTag(text: string, from: number): number {
  let position = skipGap(text, from);
  for (let tokens = 0; tokens < 3; tokens++) {
    const tag = matched(TAG, text, position);
    if (tag !== undefined) return position + tag.length;
    const token = matched(TOKEN, text, position);
    if (token === undefined) return from;
    if (token === "-" && tokens > 0) return position + 1;
    if (/[:=;,]$/.test(token)) return from;
    if (tokens > 0 && !isColumn(token)) return from;
    position = skipGap(text, position + token.length);
  }
  return from;
}

/** A token that can be a column: a dash, capitals, or with a digit or an inner mark; not a plain word. */
function isColumn(token: string): boolean {
  return !/[a-z]/.test(token) || /\d/.test(token) || /\w[.$/_@-]\w/.test(token);
}

/** Behind the bracket that closes the one at `position`. */
function closing(text: string, position: number): number | undefined {
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

function lastWord(text: string): string {
  return /[A-Za-z]{1,16}$/.exec(text.slice(-16).trimEnd())?.[0] ?? "";
}

function skipGap(text: string, position: number): number {
  return position + (matched(GAP, text, position)?.length ?? 0);
}

function matched(pattern: RegExp, text: string, position: number): string | undefined {
  pattern.lastIndex = position;
  return pattern.exec(text)?.[0];
}
