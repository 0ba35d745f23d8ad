/**
 * Structured log lines: one JSON object per event.
 *
 * @module
 */
import { printableLines } from "./printable.ts";

/** How serious a log line is. */
export type LogLevel = "error" | "warn" | "info";
/** Writes one event; `event` is a word such as `task_done`, `fields` must be JSON. */
export type Log = (level: LogLevel, event: string, fields?: Record<string, unknown>) => void;

const VALUE_CHARS_MAX = 512;

/** Where log lines go: a writer, or a screen that has one. */
export interface LogSink {
  write(text: string): void;
  /** Returns how many writes were lost since the last call. */
  takeDropped(): number;
}

/** Returns a log that adds the fields of `common` to every event. */
export function logTo(sink: LogSink, common: Record<string, unknown>): Log {
  return (level, event, fields) => {
    const dropped = sink.takeDropped();
    const all = { ...common, ...fields, ...(dropped > 0 ? { dropped } : {}) };
    sink.write(logLine(new Date(), level, event, all) + "\n");
  };
}

/**
 * Returns the line of one event, without its line feed. No character in it moves a terminal's cursor;
 * strings of more than 512 characters are cut.
 */
export function logLine(
  at: Date,
  level: LogLevel,
  event: string,
  fields: Record<string, unknown> = {},
): string {
  const shorten = (_key: string, value: unknown): unknown =>
    typeof value === "string" && value.length > VALUE_CHARS_MAX
      ? value.slice(0, VALUE_CHARS_MAX) + "…"
      : value;
  return printableLines(JSON.stringify({ at, level, event, ...fields }, shorten));
}
