import { assertEquals } from "@std/assert";
import { partKey } from "../../../orchestrator/tasks/task_keys.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { openLog, startTask } from "../task_harness.ts";

// The simulation found it: a page was analyzed twice.
Deno.test("collected() for a page that was collected already leaves the later pages as they are", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log: { pages } } = open;
  const task = await startTask(open.log);
  await pages.collected(task, 0, { at: 1 });
  await pages.collected(task, 1, null);
  await pages.done(task, 1, "analyze", { seen: [] }, 5);
  await pages.collected(task, 0, { at: 1 }); // as after a restart: page 0 is not done
  assertEquals(pages.get(task, 1), { cursor: null, done: true });
  assertEquals([pages.get(task, 0), pages.last(task)], [{ cursor: null, done: false }, 1]);
});

Deno.test("collected() announces the next page with its cursor", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log: { pages } } = open;
  const task = await startTask(open.log);
  await pages.collected(task, 0, { at: 1 });
  assertEquals(pages.get(task, 1), { cursor: { at: 1 }, done: false });
  assertEquals([pages.get(task, 2), pages.last(task)], [undefined, undefined]);
});

Deno.test("parts() returns the partial outputs by call and page, and no output of a call", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log: { pages, calls } } = open;
  const task = await startTask(open.log);
  // Each of these names was once taken for another call's, or broke the search for parts.
  for (const call of ["analyze", "analyze.late", "analyze("]) {
    for (const page of [10, 9]) await pages.done(task, page, call, { call, page }, 1);
    await calls.done(task, call, { call }, 1);
    await calls.done(task, `${call}.000009`, { call }, 1);
  }
  const outputs = (call?: string) => pages.parts(task, call).map(([, output]) => output);
  for (const call of ["analyze", "analyze.late", "analyze("]) {
    assertEquals(outputs(call), [{ call, page: 9 }, { call, page: 10 }]);
  }
  assertEquals([outputs().length, outputs("analyz")], [6, []]);
});

Deno.test("combined() replaces the parts of the combination, and no others", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log: { pages } } = open;
  const task = await startTask(open.log);
  for (const page of [0, 1, 2]) await pages.done(task, page, "analyze", { page }, 1);
  const parts = [0, 2].map((page) => partKey("analyze", page));
  await pages.combining(task, { parts, page: 2 });
  assertEquals(pages.combination(task), { parts, page: 2 });
  await pages.combined(task, "combine", { pages: [0, 2] });
  assertEquals(pages.combination(task), undefined);
  assertEquals(pages.parts(task), [
    [partKey("analyze", 1), { page: 1 }],
    [partKey("combine", 2), { pages: [0, 2] }],
  ]);
});

Deno.test("allDone() waits for the last page, for each page, and for a combination", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const { log: { pages } } = open;
  const task = await startTask(open.log);
  assertEquals(pages.allDone(task), false);
  await pages.collected(task, 0, { at: 1 });
  await pages.done(task, 0, "analyze", {}, 1);
  assertEquals(pages.allDone(task), false, "the last page is not known");
  await pages.collected(task, 1, null);
  assertEquals(pages.allDone(task), false, "page 1 is not done");
  await pages.combining(task, { parts: [partKey("analyze", 0)], page: 1 });
  await pages.done(task, 1, "analyze", {}, 1);
  assertEquals(pages.allDone(task), false, "a part is being combined");
  await pages.combined(task, "combine", {});
  assertEquals(pages.allDone(task), true);
});
