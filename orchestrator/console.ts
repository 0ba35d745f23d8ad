/**
 * Shows the dashboard: redrawn in place on a terminal, with the log running above it; a block for
 * each change elsewhere.
 *
 * @module
 */
import type { LogSink, LossyWriter } from "../lib/log.ts";
import { sleep } from "../lib/retry.ts";
import { renderBlock, renderDashboard, signature, type View } from "./dashboard.ts";

const REDRAW_MS = 500;
const COLUMNS = 100;
const ROWS = 24;

/** Keeps a block of lines at the bottom of a terminal, and what else is written above it. */
export class TerminalScreen implements LogSink {
  readonly #terminal: LossyWriter;
  #shown: string[] = [];

  constructor(terminal: LossyWriter) {
    this.#terminal = terminal;
  }

  write(text: string): void {
    this.#terminal.write(this.#erased() + text + this.#block());
  }

  takeDropped(): number {
    return this.#terminal.takeDropped();
  }

  /** Shows a block in place of the one before. */
  show(lines: string[]): void {
    const erased = this.#erased();
    this.#shown = lines;
    this.#terminal.write(erased + this.#block());
  }

  #erased(): string {
    return this.#shown.length === 0 ? "" : `\x1b[${this.#shown.length}A\x1b[0J`;
  }

  #block(): string {
    return this.#shown.map((line) => line + "\n").join("");
  }
}

/** Shows `view` over and over until the signal aborts. */
export async function showDashboard(
  view: () => Promise<View>,
  terminal: LossyWriter,
  screen: TerminalScreen | undefined,
  signal: AbortSignal,
): Promise<void> {
  let last = "";
  while (!signal.aborted) {
    const now = await view();
    if (screen !== undefined) {
      const { columns, rows } = terminalSize();
      const lines = renderDashboard(now, { columns, colour: !Deno.noColor });
      screen.show(lines.slice(0, rows - 1));
    } else if (signature(now) !== last) {
      last = signature(now);
      terminal.write(renderBlock(now, { columns: 160, colour: false }).join("\n") + "\n");
    }
    await sleep(REDRAW_MS, signal).catch(() => {}); // stopped meanwhile
  }
}

/** The terminal's size; some say 0 or can't say. */
function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || COLUMNS, rows: rows || ROWS };
  } catch {
    return { columns: COLUMNS, rows: ROWS };
  }
}
