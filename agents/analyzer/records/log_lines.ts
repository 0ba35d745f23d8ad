/**
 * Lines of text to entries. A line that continues the one before, as stack traces do, belongs to its
 * record.
 *
 * @module
 */
import type { Entry } from "./entry.ts";
import { readHeader } from "./header.ts";
import { levelOf } from "./level.ts";
import { EXAMPLE_CHARS_MAX, RECORD_CHARS_MAX } from "../bounds.ts";
import { readLogfmt } from "./logfmt.ts";
import { findPairs } from "./pairs.ts";

/** Indented lines and the frames of traces; an exception's own line, as Java and Python print it. */
const CONTINUATION = /^(?:\s|at |Caused by: |\.\.\. \d+ more|Traceback \()/;
const EXCEPTION = /^(?:[A-Za-z_]\w*[.$])*[A-Z]\w*(?:Exception|Error|Throwable)(?::|$)/;
const LEADING_WORD = /^\[?([A-Za-z]{3,13})[\]:]/;

/** Reads the records of a log or a plain text. */
export function* readLogLines(text: string): Generator<Entry> {
  let record: Entry | undefined;
  let continued = "";
  let headed = false;
  for (const line of linesOf(text)) {
    if (line.trim() === "") continue;
    if (headed && (CONTINUATION.test(line) || EXCEPTION.test(line))) {
      if (continued.length < EXAMPLE_CHARS_MAX) continued += `\n${line}`;
      continue;
    }
    if (record !== undefined) yield joined(record, continued);
    const read = readLine(line);
    record = read.entry;
    headed = read.headed;
    continued = "";
  }
  if (record !== undefined) yield joined(record, continued);
}

function joined(record: Entry, continued: string): Entry {
  return continued === "" ? record : { ...record, raw: record.raw + continued };
}

function readLine(whole: string): { entry: Entry; headed: boolean } {
  const line = whole.length > RECORD_CHARS_MAX ? whole.slice(0, RECORD_CHARS_MAX) : whole;
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
    yield text.slice(start, text.charCodeAt(end - 1) === 13 && end > start ? end - 1 : end);
    start = end + 1;
  }
}
