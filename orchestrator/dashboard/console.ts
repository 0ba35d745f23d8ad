/**
 * Shows the dashboard: redrawn in place on a terminal, with the log running above it; a block for
 * each change elsewhere.
 *
 * @module
 */
import { variable } from "../../lib/process/settings.ts";
import { type LogSink, ResultWriter } from "../../lib/log.ts";
import { printable, printableJson } from "../../lib/printable.ts";
import type { JsonObject } from "../../lib/json.ts";
import { sleep } from "../../lib/retry.ts";
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
/** A view that does not change is written again as JSON so often. */
const REPEAT_MS = 5_000;
const COLUMNS = 100;
const ROWS = 24;
/** Lines of a new report that a log shows. */
const REPORT_LINES = 16;

/** Where a dashboard is shown. */
type Sink = Pick<LogSink, "write"> & { readonly closed?: boolean };

/** A dashboard is no result: what of it can't be written is lost, and the next one comes soon. */
function lossy<S extends Sink>(sink: S | ResultWriter): S | ResultWriter["lossy"] {
  return sink instanceof ResultWriter ? sink.lossy : sink;
}

/** Keeps a block of lines at the bottom of a terminal, and what else is written above it. */
export class TerminalScreen implements LogSink {
  readonly #terminal: LogSink & Sink;
  #shown: string[] = [];

  constructor(terminal: LogSink) {
    this.#terminal = lossy(terminal);
  }

  /** Whether nobody looks at it any more. */
  get closed(): boolean {
    return this.#terminal.closed ?? false;
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
    return unwrapped(this.#shown.map((line) => line + "\n").join(""));
  }
}

/**
 * Lines that end at the terminal's edge. Terminals do not agree on how wide a character is, and one
 * that goes on below would stay there when what is shown is erased.
 */
export function unwrapped(text: string): string {
  return text === "" ? "" : `\x1b[?7l${text}\x1b[?7h`;
}

/** Whether this is a terminal, and one that obeys. */
export function canRedraw(to: { isTerminal(): boolean }): boolean {
  return variable("TERM") !== "dumb" && to.isTerminal();
}

/** Shows a view; `last` is the one that was shown before it. False says that nobody looks any more. */
export type Show = (view: View, last: View | undefined) => Promise<boolean | void> | boolean | void;

/** Asks for a view and shows it, over and over until the signal aborts or nobody looks. */
export async function showDashboard(ask: Ask, show: Show, signal: AbortSignal): Promise<void> {
  let last: View | undefined;
  while (!signal.aborted) {
    const view = await fetchView(ask);
    if (await show(view, last) === false) return;
    last = view;
    await sleep(REDRAW_MS, signal).catch(() => {}); // stopped meanwhile
  }
}

/** Redraws the whole dashboard in place. */
export function inPlace(screen: TerminalScreen): Show {
  return (view) => {
    if (screen.closed) return false;
    const { columns, rows } = terminalSize();
    const lines = renderDashboard(view, { columns, colour: !Deno.noColor });
    screen.show(lines.slice(0, rows - 1));
  };
}

/** Writes a block when something has changed, and the beginning of a report that is new. */
export function asBlocks(ask: Ask, sink: Sink): Show {
  const to = lossy(sink);
  return async (view, last) => {
    if (to.closed) return false;
    if (last !== undefined && signature(view) === signature(last)) return;
    const lines = [...renderBlock(view), ...await newestReport(ask, view, last)];
    to.write(lines.join("\n") + "\n");
  };
}

/** Writes the view as a line of JSON when something has changed, and now and then as a sign of life. */
export function asJson(sink: Sink): Show {
  const to = lossy(sink);
  let writtenAt = -Infinity;
  return (view, last) => {
    if (to.closed) return false;
    const isNews = last === undefined || signature(view) !== signature(last);
    // A reader that has hung up is noticed by writing alone.
    if (!isNews && performance.now() - writtenAt < REPEAT_MS) return;
    writtenAt = performance.now();
    to.write(printableJson(view) + "\n");
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
