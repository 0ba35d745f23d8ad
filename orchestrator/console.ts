/**
 * Shows the dashboard: redrawn in place on a terminal, with the log running above it; a block for
 * each change elsewhere.
 *
 * @module
 */
import type { LogSink, LossyWriter } from "../lib/log.ts";
import { printable } from "../lib/printable.ts";
import type { JsonObject } from "../lib/protocol.ts";
import { sleep } from "../lib/retry.ts";
import {
  type Ask,
  COLUMNS_OF_BLOCK,
  fetchView,
  renderBlock,
  renderDashboard,
  signature,
  type View,
} from "./dashboard.ts";

const REDRAW_MS = 500;
const COLUMNS = 100;
const ROWS = 24;
/** Lines of a new report that a log shows. */
const REPORT_LINES = 16;

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

/** Shows the view over and over until the signal aborts. */
export async function showDashboard(
  ask: Ask,
  terminal: LossyWriter,
  screen: TerminalScreen | undefined,
  signal: AbortSignal,
): Promise<void> {
  let last: View | undefined;
  while (!signal.aborted) {
    const view = await fetchView(ask);
    if (screen !== undefined) {
      const { columns, rows } = terminalSize();
      const lines = renderDashboard(view, { columns, colour: !Deno.noColor });
      screen.show(lines.slice(0, rows - 1));
    } else if (last === undefined || signature(view) !== signature(last)) {
      const lines = [...renderBlock(view), ...await newestReport(ask, view, last)];
      terminal.write(lines.join("\n") + "\n");
    }
    last = view;
    await sleep(REDRAW_MS, signal).catch(() => {}); // stopped meanwhile
  }
}

/** The first lines of the report that was finished last, where it was not shown yet. */
async function newestReport(ask: Ask, { done: [task] }: View, last?: View): Promise<string[]> {
  if (task === undefined || last === undefined || task.task === last.done[0]?.task) return [];
  const { result } = await ask("result", { task: task.task });
  const markdown = (result as JsonObject | null)?.markdown;
  if (typeof markdown !== "string") return [];
  const lines = markdown.split("\n").filter((line) => line !== "");
  const head = lines.slice(0, REPORT_LINES).map((line) =>
    `   │ ${printable(line, COLUMNS_OF_BLOCK)}`
  );
  const more = lines.length - head.length;
  return more > 0 ? [...head, `   │ … ${more} more lines: orchestrator result ${task.task}`] : head;
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
