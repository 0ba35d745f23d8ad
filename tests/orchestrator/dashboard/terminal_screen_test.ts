import { assertEquals } from "@std/assert";
import { LossyWriter } from "../../../lib/lossy_writer.ts";
import { renderDashboard } from "../../../orchestrator/dashboard/render.ts";
import { TerminalScreen } from "../../../orchestrator/dashboard/terminal_screen.ts";
import { FakeTerminal } from "./fake_terminal.ts";
import { BUSY, EMPTY, HOSTILE, hostile } from "./views.ts";

Deno.test("TerminalScreen keeps its block below what is written, at any height of the block", async () => {
  const screen = new FakeTerminal(60, 24);
  const writer = new LossyWriter(screen);
  const terminal = new TerminalScreen(writer);
  const log: string[] = [];
  const blocks = [["one", "two", "three"], ["one"], [], ["a", "b", "", "d"], ["日本語", "x"]];
  for (const [at, block] of blocks.entries()) {
    terminal.show(block);
    await writer.flush(1_000);
    assertEquals(screen.text, [...log, ...block]);
    log.push(`event ${at}`, `and ${at}`);
    terminal.write(`event ${at}\nand ${at}\n`);
    await writer.flush(1_000);
    assertEquals(screen.text, [...log, ...block]);
  }
});

// A terminal that draws a character wider than expected would wrap the line.
Deno.test("TerminalScreen erases all of the previous dashboard, at any width", async () => {
  for (const columns of [20, 40, 80, 200]) {
    const screen = new FakeTerminal(columns, 50);
    const writer = new LossyWriter(screen);
    const terminal = new TerminalScreen(writer);
    terminal.write("begin\n");
    for (const view of [BUSY, ...HOSTILE.map(hostile), EMPTY]) {
      terminal.show(renderDashboard(view, { columns, colour: true }));
    }
    await writer.flush(1_000);
    const shown = renderDashboard(EMPTY, { columns, colour: false });
    assertEquals(screen.text, ["begin", ...shown]);
  }
});
