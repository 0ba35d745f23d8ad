import { unicodeWidth } from "@std/cli/unicode-width";
import { assert, assertEquals } from "@std/assert";
import {
  BLOCK_COLUMNS,
  renderBlock,
  renderDashboard,
} from "../../../orchestrator/dashboard/render.ts";
import type { View } from "../../../orchestrator/dashboard/view.ts";
import { agent, BUSY, COLOURS, CONTROLS, EMPTY, HOSTILE, hostile, SINCE } from "./views.ts";

Deno.test("renderDashboard() renders an empty view", () => {
  assertEquals(renderDashboard(EMPTY, { columns: 100, colour: false }), [
    "BATON  up 0 ms   queue 0   running 0   done 0   failed 0   cancelled 0",
    "",
    "AGENTS",
    "",
    "RUNNING",
    "   none",
    "",
    "DONE",
    "   none",
  ]);
});

Deno.test("renderDashboard() shows the state of each agent and each task", () => {
  const text = renderDashboard(BUSY, { columns: 200, colour: false });
  const lineWith = (what: string): string => text.find((line) => line.includes(what))!;
  assert(text[0].includes("up 1 h 02 min   queue 12   running 3   done 4   failed 1"));
  assert(lineWith("collector").includes("● collector"));
  assert(lineWith("collector").includes("2 in flight, 7 done, 1 failed; last t1.collect.0 ok"));
  assert(lineWith("analyzer").includes("○ analyzer"));
  assert(lineWith("analyzer").includes("down  Cannot connect: refused"));
  assert(lineWith("▸").includes("analyze page 3"));
  assert(lineWith("↻").includes("retry_wait"));
  assert(lineWith("✓").includes("120 lines, 2 new"));
  assert(lineWith("✗").includes("handler_failed: no luck"));
});

Deno.test("renderDashboard() and renderBlock() show paused in place of up and down", () => {
  const agents = [
    agent("collector", true, { paused: SINCE }),
    agent("analyzer", false, { paused: SINCE }),
    agent("reporter", true),
  ];
  const view: View = { ...BUSY, agents, paused: ["report"] };
  const lines = renderDashboard(view, { columns: 200, colour: false });
  for (const name of ["collector", "analyzer"]) {
    const line = lines.find((line) => line.includes(` ${name} `))!;
    assert(/ paused {2}/.test(line) && !/ (up|down) /.test(line), line);
  }
  assert(lines.find((line) => line.includes(" reporter "))!.includes(" up "));
  assert(lines[0].endsWith("report paused"), lines[0]);
  const [head] = renderBlock(view);
  assert(
    head.includes("collector paused · analyzer paused · reporter up · pipeline report paused"),
  );
  assert(!renderBlock(BUSY)[0].includes("paused"));
});

Deno.test("renderDashboard() and renderBlock() keep control characters out and stay within the width", () => {
  for (const view of [EMPTY, BUSY, ...HOSTILE.map(hostile)]) {
    for (let columns = 20; columns <= 200; columns += 3) {
      for (const colour of [false, true]) {
        for (const line of renderDashboard(view, { columns, colour })) {
          const bare = line.replaceAll(COLOURS, "");
          assert(colour || bare === line, "no colour unless asked for");
          assert(!CONTROLS.test(bare), JSON.stringify(bare));
          assert(unicodeWidth(bare) < columns, `${unicodeWidth(bare)} of ${columns}: ${bare}`);
          assert(line.length < 40 * columns, "a line of bounded length");
        }
      }
    }
    for (const line of renderBlock(view)) {
      assert(!CONTROLS.test(line) && unicodeWidth(line) <= BLOCK_COLUMNS, line);
    }
  }
});

Deno.test("renderDashboard() resets every colour within its line", () => {
  for (const columns of [20, 30, 100]) {
    for (const line of renderDashboard(BUSY, { columns, colour: true })) {
      const codes = line.match(COLOURS) ?? [];
      assert(codes.length === 0 || codes.at(-1) === "\x1b[0m", JSON.stringify(line));
    }
  }
});
