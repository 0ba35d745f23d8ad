/**
 * Lines of text to entries. A line that continues the line before, as in a stack trace, belongs to
 * its record.
 *
 * @module
 */
import type { Entry } from "./entry.ts";
import { readHeader } from "./header.ts";
import { levelOf } from "./level.ts";
import { EXAMPLE_CHARS_MAX, RECORD_CHARS_MAX } from "../bounds.ts";
import { readLogfmt } from "./logfmt.ts";
import { findPairs } from "./pairs.ts";

/** Indented lines and the frames of a stack trace. */
const CONTINUATION = /^(?:\s|at |Caused by: |\.\.\. \d+ more|Traceback \()/;
/** The line that names an exception, as Java and Python print it. */
const EXCEPTION = /^(?:[A-Za-z_]\w*[.$])*[A-Z]\w*(?:Exception|Error|Throwable)(?::|$)/;
const LEADING_WORD = /^\[?([A-Za-z]{3,13})[\]:]/;

/** Reads the records of a log or a plain text; blank lines are none. */
export function* readLogLines(text: string): Generator<Entry> {
  let record: Entry | undefined;
  let continued = "";
  /** Only a record with a header is continued: in plain text an indented line is a record. */
  let headed = false;
  for (const line of linesOf(text)) {
    if (line.trim() === "") continue;
    if (headed && (CONTINUATION.test(line) || EXCEPTION.test(line))) {
      if (continued.length < EXAMPLE_CHARS_MAX) continued += `\n${line}`;
      continue;
    }
    if (record !== undefined) yield withContinuation(record, continued);
    const read = readLine(line);
    record = read.entry;
    headed = read.headed;
    continued = "";
  }
  if (record !== undefined) yield withContinuation(record, continued);
}

function withContinuation(record: Entry, continued: string): Entry {
  return continued === "" ? record : { ...record, raw: record.raw + continued };
}

function readLine(text: string): { entry: Entry; headed: boolean } {
  const line = text.length > RECORD_CHARS_MAX ? text.slice(0, RECORD_CHARS_MAX) : text;
  const header = readHeader(line);
  const message = line.slice(header.end);
  const logfmt = readLogfmt(message);
  if (logfmt !== undefined) {
    const at = header.at ?? logfmt.at;
    const level = header.level === "none" ? logfmt.level : header.level;
    return { entry: { ...logfmt, at, level, raw: line }, headed: true };
  }
  const level = header.level === "none"
    ? levelOf(LEADING_WORD.exec(message)?.[1] ?? "") ?? "none"
    : header.level;
  return {
    entry: { at: header.at, level, message, raw: line, ...findPairs(message) },
    headed: header.found,
  };
}

function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const feed = text.indexOf("\n", start);
    const end = feed < 0 ? text.length : feed;
    yield text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
    start = end + 1;
  }
}
