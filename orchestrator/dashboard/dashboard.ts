/**
 * Shows what the orchestrator is doing. A view is fetched through the API twice a second, rendered,
 * and shown in one of three ways: redrawn in place on a terminal with the log above it, as a block of
 * lines for each change, or as JSON. Start at `showDashboard()`.
 *
 * @module
 */
import type { JsonObject } from "../../lib/json.ts";
import { printable, printableJson } from "../../lib/printable.ts";
import { sleep } from "../../lib/retry.ts";
import { BLOCK_COLUMNS, renderBlock, renderDashboard } from "./render.ts";
import { terminalSize } from "./terminal.ts";
import type { TerminalScreen } from "./terminal_screen.ts";
import { type Ask, fetchView, signature, type View } from "./view.ts";

const REDRAW_MS = 500;
/** An unchanged view is written as JSON this often: only a write notices that the reader has hung up. */
const REPEAT_MS = 5_000;
/** Lines of a new report that a block shows. */
const REPORT_LINES_MAX = 16;

/**
 * Where a dashboard is written. It must be a sink that may lose text, since a slow reader would
 * otherwise pile up views in memory.
 */
export interface DashboardSink {
  /** Never waits and never throws. */
  write(text: string): void;
  /** Whether the reader has hung up. */
  readonly closed: boolean;
}

/** Shows a view. Returns `false` if the reader has hung up. `previous` is the view shown before. */
export type Show = (
  view: View,
  previous: View | undefined,
) => Promise<boolean | void> | boolean | void;

/** Fetches and shows views until the signal aborts or the reader hangs up. Throws what `ask` throws. */
export async function showDashboard(ask: Ask, show: Show, signal: AbortSignal): Promise<void> {
  let previous: View | undefined;
  while (!signal.aborted) {
    const view = await fetchView(ask);
    if (await show(view, previous) === false) return;
    previous = view;
    await sleep(REDRAW_MS, signal).catch(() => {}); // aborted, which ends the loop
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

/** Writes a block of lines for each change, with the beginning of a report that is new. */
export function asBlocks(ask: Ask, sink: DashboardSink): Show {
  return async (view, previous) => {
    if (sink.closed) return false;
    if (previous !== undefined && signature(view) === signature(previous)) return;
    const report = previous === undefined ? [] : await newReport(ask, view, previous);
    sink.write([...renderBlock(view), ...report].join("\n") + "\n");
  };
}

/** Writes the view as a line of JSON for each change, and every five seconds without one. */
export function asJson(sink: DashboardSink): Show {
  let writtenAt = -Infinity;
  return (view, previous) => {
    if (sink.closed) return false;
    const changed = previous === undefined || signature(view) !== signature(previous);
    if (!changed && performance.now() - writtenAt < REPEAT_MS) return;
    writtenAt = performance.now();
    sink.write(printableJson(view) + "\n");
  };
}

/** The first lines of a report that was finished since the previous view. */
async function newReport(ask: Ask, view: View, previous: View): Promise<string[]> {
  const seen = new Set(previous.done.map(({ task }) => task));
  const task = view.done.find(({ task }) => !seen.has(task));
  if (task === undefined) return [];
  const { result } = await ask("result", { task: task.task });
  const markdown = (result as JsonObject | null)?.markdown;
  if (typeof markdown !== "string") return [];
  const lines = markdown.split("\n").filter((line) => line !== "");
  const head = lines.slice(0, REPORT_LINES_MAX).map((line) => printable(line, BLOCK_COLUMNS));
  const more = lines.length - head.length;
  if (more > 0) head.push(`… ${more} more lines: orchestrator result ${printable(task.task)}`);
  return head.map((line) => `   │ ${line}`);
}
