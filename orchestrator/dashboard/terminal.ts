/**
 * What the terminal at the other end can do.
 *
 * @module
 */
import { variable } from "../../lib/process/settings.ts";

/** Assumed of a terminal that does not report its size. */
const DEFAULT_SIZE = { columns: 100, rows: 24 };

/** Returns whether a stream is a terminal that obeys escape codes. */
export function canRedraw(stream: { isTerminal(): boolean }): boolean {
  return variable("TERM") !== "dumb" && stream.isTerminal();
}

/** Returns the size of the terminal; a terminal may report 0 or nothing. */
export function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  } catch {
    return DEFAULT_SIZE; // not a terminal, which its caller has found out or does not care about
  }
}

/**
 * Returns text whose lines are cut at the terminal's edge. Terminals disagree on how wide a character
 * is; a line that wraps would leave its second half on screen when the block is erased.
 */
export function withoutWrapping(text: string): string {
  return text === "" ? "" : `\x1b[?7l${text}\x1b[?7h`;
}
