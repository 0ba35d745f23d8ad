/**
 * The columns that a log puts before its message: time, level, host, process, logger.
 *
 * 1. A time is looked for among the first tokens; what stands before it must look like columns.
 * 2. After it come further times, a level, bracketed columns, separators.
 * 3. A level some tokens further on ends the header there, if only columns lie between.
 * 4. Otherwise a syslog tag (`name[pid]:`, perhaps after a host) ends it.
 * 5. The rest is the message; if nothing is left, the header is taken back to the time.
 *
 * No format is configured: a line is judged by itself, so that pages can be read in any order.
 *
 * @module
 */
import type { Level } from "../../shapes.ts";
import { bracketEnd, skipColumns, skipTag } from "./header_columns.ts";
import { firstTime, laterTimeEnd } from "./header_time.ts";
import { levelOf, levelOfLetter } from "./level.ts";
import { stampAt } from "./timestamp.ts";
import { isColumn, matchAt, skipGap, tokenAt } from "./tokens.ts";

/** What a line states before its message. */
export interface Header {
  /** Milliseconds since 1970; null if no time was found. */
  readonly at: number | null;
  readonly level: Level;
  /** Whether a time or a level was found in front: such a line starts a record. */
  readonly found: boolean;
  /** Where the message begins. */
  readonly end: number;
}

/** Columns between a time and the level. */
const BEFORE_LEVEL_MAX = 6;
/** Items in a row after the first time. */
const ITEMS_MAX = 24;
/** Characters at the front of a line that may be header. */
const HEADER_CHARS_MAX = 512;

const GLOG = /([FEWID])\d{4} (?=\d{2}:\d{2}:\d{2})/y;
const SYSLOG_PRIORITY = /<\d{1,3}>\d{0,2} ?/y;

/** Reads a line's header. */
export function readHeader(line: string): Header {
  const text = line.length > HEADER_CHARS_MAX ? line.slice(0, HEADER_CHARS_MAX) : line;
  let at: number | null = null;
  let level: Level = "none";
  let end = matchAt(SYSLOG_PRIORITY, text, 0)?.length ?? 0;

  const glog = matchAt(GLOG, text, end);
  if (glog !== undefined) {
    level = levelOfLetter(glog[0]) ?? "none";
    at = stampAt(`${glog.slice(1, 3)}-${text.slice(end + 3, end + 48)}`, 0)?.at ?? null;
  }
  const first = firstTime(text, end);
  if (first !== undefined) {
    at ??= first.at;
    end = first.end;
  }
  const timeEnd = end;

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
      end = skipColumns(text, ahead.end, ahead.letter);
    } else {
      end = skipTag(text, end);
    }
  } else if (level !== "none") {
    end = skipColumns(text, end, false);
  }
  let start = skipGap(text, end);
  if (start >= line.length) start = skipGap(text, timeEnd);
  return { at, level, found: at !== null || level !== "none", end: start };
}

/** One item after a time or a level: its end, and the level that it states. */
function itemAt(
  text: string,
  position: number,
  level: Level,
  timed: boolean,
): { end: number; level?: Level } | undefined {
  const char = text[position];
  if (char === "[" || char === "(") {
    const end = bracketEnd(text, position);
    if (end === undefined) return undefined;
    const stated = levelOf(lastWord(text.slice(position + 1, end - 1)));
    if (stated !== undefined && level === "none") return { end, level: stated };
    return char === "[" && (timed || level !== "none") ? { end } : undefined;
  }
  const token = tokenAt(text, position);
  if (token === undefined) return undefined;
  const end = position + token.length;
  if (/^[-:,;>*]+$/.test(token) && timed) return { end };
  const word = token.replace(/[:,]$/, "");
  const stated = level === "none" ? levelOf(word) : undefined;
  // Without a time before it, only a word in capitals or with a mark after it is a level.
  if (stated !== undefined && (timed || word === word.toUpperCase() || word !== token)) {
    return { end, level: stated };
  }
  const later = timed ? laterTimeEnd(text, position) : undefined;
  return later === undefined ? undefined : { end: later };
}

/** Finds a level in capitals or brackets after columns. */
function levelAhead(
  text: string,
  from: number,
): { level: Level; end: number; letter: boolean } | undefined {
  let position = skipGap(text, from);
  for (let tokens = 0; tokens <= BEFORE_LEVEL_MAX; tokens++) {
    const token = tokenAt(text, position);
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

function lastWord(text: string): string {
  return /[A-Za-z]{1,16}$/.exec(text.slice(-16).trimEnd())?.[0] ?? "";
}
