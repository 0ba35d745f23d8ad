/**
 * Shows the dashboard: redrawn in place on a terminal, with the log running above it; a block for
 * each change elsewhere.
 *
 * @module
 */
import type { LogSink, LossyWriter } from "../lib/log.ts";
import { printable, printableJson } from "../lib/printable.ts";
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

/** Whether this is a terminal, and one that obeys. */
export function canRedraw(to: { isTerminal(): boolean }): boolean {
  return Deno.env.get("TERM") !== "dumb" && to.isTerminal();
}

/** Shows a view; `last` is the one that was shown before it. */
export type Show = (view: View, last: View | undefined) => Promise<void> | void;

/** Asks for a view and shows it, over and over until the signal aborts. */
export async function showDashboard(ask: Ask, show: Show, signal: AbortSignal): Promise<void> {
  let last: View | undefined;
  while (!signal.aborted) {
    const view = await fetchView(ask);
    await show(view, last);
    last = view;
    await sleep(REDRAW_MS, signal).catch(() => {}); // stopped meanwhile
  }
}

/** Redraws the whole dashboard in place. */
export function inPlace(screen: TerminalScreen): Show {
  return (view) => {
    const { columns, rows } = terminalSize();
    const lines = renderDashboard(view, { columns, colour: !Deno.noColor });
    screen.show(lines.slice(0, rows - 1));
  };
}

/** Writes a block when something has changed, and the beginning of a report that is new. */
export function asBlocks(ask: Ask, sink: Pick<LogSink, "write">): Show {
  return async (view, last) => {
    if (last !== undefined && signature(view) === signature(last)) return;
    const lines = [...renderBlock(view), ...await newestReport(ask, view, last)];
    sink.write(lines.join("\n") + "\n");
  };
}

/** Writes the view as a line of JSON when something has changed. */
export function asJson(sink: Pick<LogSink, "write">): Show {
  return (view, last) => {
    if (last !== undefined && signature(view) === signature(last)) return;
    sink.write(printableJson(view) + "\n");
  };
}

/** The first lines of a report that was finished since the last view. */
async function newestReport(ask: Ask, { done }: View, last?: View): Promise<string[]> {
  const task = done.find(({ task }) => !last?.done.some((shown) => shown.task === task));
  if (task === undefined || last === undefined) return [];
  const { result } = await ask("result", { task: task.task });
  const markdown = (result as JsonObject | null)?.markdown;
  if (typeof markdown !== "string") return [];
  const lines = markdown.split("\n").filter((line) => line !== "");
  const head = lines.slice(0, REPORT_LINES).map((line) =>
    `   │ ${printable(line, COLUMNS_OF_BLOCK)}`
  );
  const more = lines.length - head.length;
  return more > 0
    ? [...head, `   │ … ${more} more lines: orchestrator result ${printable(task.task)}`]
    : head;
}

/** The terminal's size; some say 0 or can't say. */
export function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || COLUMNS, rows: rows || ROWS };
  } catch {
    return { columns: COLUMNS, rows: ROWS };
  }
}
