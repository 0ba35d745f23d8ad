import { assert, assertEquals } from "@std/assert";
import { asBlocks, asJson, showDashboard } from "../../../orchestrator/dashboard/dashboard.ts";
import { fetchView, type View } from "../../../orchestrator/dashboard/view.ts";
import type { Task } from "../../../orchestrator/tasks/task.ts";
import { until, within } from "../../harness/waiting.ts";
import { api, CONTROLS, EMPTY, HOSTILE, hostile, task } from "./views.ts";

Deno.test("asBlocks() writes a block for each change, with the beginning of a new report", async () => {
  const done: Task[] = [];
  const ask = api(done);
  const blocks: string[] = [];
  const show = asBlocks(ask, { write: (text) => blocks.push(text), closed: false });
  let last: View | undefined;
  const next = async (): Promise<string[]> => {
    blocks.length = 0;
    const view = await fetchView(ask);
    await show(view, last);
    last = view;
    return blocks.flatMap((block) => block.split("\n"));
  };
  assertEquals((await next()).length, 2, "the first block");
  assertEquals(await next(), [], "nothing has changed");
  done.unshift(task("done", { task: "t2" }));
  const second = await next();
  assert(second.includes("   │ # Report of t2"));
  assert(second.includes("   │ \\u001b[2Jtext"));
  assert(second.some((line) => line.includes("orchestrator result t2")));
  done.push(task("done", { task: "t1" }));
  const third = await next();
  assert(third.includes("   │ # Report of t1"), "submitted earlier, finished later");
  done.push(task("done", { task: "\x1b[2J" }));
  assertEquals((await next()).filter((line) => CONTROLS.test(line)), [], "as an id");
});

Deno.test("asBlocks() writes a block without a report if the result has none", async () => {
  for (const result of [null, { markdown: 7 }]) {
    const blocks: string[] = [];
    const show = asBlocks(() => Promise.resolve({ result }), {
      write: (text) => blocks.push(text),
      closed: false,
    });
    await show({ ...EMPTY, waiting: 1, done: [task("done")] }, EMPTY);
    assertEquals(blocks.length, 1);
  }
});

Deno.test("asJson() writes a line that parses to the view and has no control characters", () => {
  const written: string[] = [];
  const view = hostile(HOSTILE.join(""));
  asJson({ write: (text) => written.push(text), closed: false })(view, undefined);
  const [line, end, ...more] = written[0].split("\n");
  assertEquals([CONTROLS.test(line), end, more], [false, "", []]);
  assertEquals(JSON.parse(line), view);
});

Deno.test("showDashboard() shows views until its signal aborts, then ends at once", async () => {
  const views: View[] = [];
  const ending = new AbortController();
  const shown = showDashboard(api([]), (view) => void views.push(view), ending.signal);
  await until(() => views.length === 2, "two views are shown");
  ending.abort();
  await within(shown, "the end");
  assertEquals(views.length, 2);
});
