import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { REPORTS_MAX } from "../../../agents/reporter/report_index.ts";
import type { Json } from "../../../lib/json.ts";
import { assertCode, ReporterHarness } from "./reporter_harness.ts";
import { analysis } from "./sample.ts";

Deno.test("report() writes three forms and returns the Markdown", async () => {
  await using harness = await ReporterHarness.make();
  const reply = await harness.report("t1");
  assertEquals(reply.headline, "Nothing new: errors 1.2 %, 12,340 records");
  assertEquals(reply.files.map(({ path }) => path), [
    "reports/t1/report.md",
    "reports/t1/report.html",
    "reports/t1/report.json",
  ]);
  for (const { path, bytes } of reply.files) {
    assertEquals((await Deno.stat(`${harness.folder}/${path}`)).size, bytes);
  }
  assertEquals(await harness.file("t1/report.md"), reply.markdown);
  const json = JSON.parse(await harness.file("t1/report.json"));
  assertEquals(json.analysis, analysis());
  assertEquals([json.task, json.headline, json.previous], ["t1", reply.headline, null]);
});

Deno.test("report() compares with the previous report of the same stream", async () => {
  await using harness = await ReporterHarness.make();
  await harness.report("t1", { run: 1 });
  await harness.report("t2", { stream: "other" });
  const reply = await harness.report("t3", { run: 2 });
  assertStringIncludes(reply.markdown, "previous report: `t1` (run 1)");
  assertStringIncludes(await harness.file("t3/report.html"), 'href="../t1/report.html"');
});

Deno.test("report() repeated before or after its commit writes the same bytes", async () => {
  await using harness = await ReporterHarness.make();
  await harness.report("t1", { run: 1 });
  const before = harness.memory;
  const first = await everyFile("t2");
  harness.memory = before;
  assertEquals(await everyFile("t2"), first);
  assertEquals(await everyFile("t2"), first);

  async function everyFile(task: string): Promise<string[]> {
    await harness.report(task, { run: 2 });
    const names = ["report.md", "report.html", "report.json"].map((name) => `${task}/${name}`);
    return Promise.all([...names, "index.html", "index.json"].map((name) => harness.file(name)));
  }
});

Deno.test("report() writes an index, newest first", async () => {
  await using harness = await ReporterHarness.make();
  for (const task of ["t1", "z", "a"]) await harness.report(task);
  const { reports } = JSON.parse(await harness.file("index.json"));
  assertEquals(reports.map(({ task }: { task: string }) => task), ["a", "z", "t1"]);
  assertEquals(reports[0].path, "reports/a/report.html");
  assertEquals(reports[0].error_share, 148 / 12_340);
  assertStringIncludes(await harness.file("index.html"), 'href="z/report.html"');
});

Deno.test("report() removes the files of evicted reports", async () => {
  await using harness = await ReporterHarness.make();
  await harness.report("oldest");
  const stored = await harness.memory.get("report/oldest") as { [key: string]: Json };
  for (let i = 2; i <= REPORTS_MAX; i++) {
    harness.memory.set(`report/n${i}`, { ...stored, task: `n${i}`, number: i });
  }
  await harness.report("newest");
  assertEquals(harness.memory.size, REPORTS_MAX);
  await assertRejects(() => harness.file("oldest/report.md"), Deno.errors.NotFound);
  const { reports } = JSON.parse(await harness.file("index.json"));
  assertEquals([reports.length, reports[0].task], [REPORTS_MAX, "newest"]);
});

Deno.test("report() of more errors than a number can count stays readable for the next", async () => {
  await using harness = await ReporterHarness.make();
  const most = Number.MAX_SAFE_INTEGER;
  await harness.report("t1", { levels: { error: most, fatal: most } });
  await harness.report("t2");
  const { reports, unreadable } = JSON.parse(await harness.file("index.json"));
  assertEquals(reports.map(({ errors }: { errors: number }) => errors), [148, most]);
  assertEquals(unreadable, 0);
});

Deno.test("report() counts unreadable entries in the index", async () => {
  await using harness = await ReporterHarness.make();
  harness.memory.set("report/odd", null);
  await harness.report("t1");
  assertEquals(JSON.parse(await harness.file("index.json")).unreadable, 1);
  assertStringIncludes(await harness.file("index.html"), "1 report left out");
});

Deno.test("report() rejects a task that cannot be a folder's name", async () => {
  await using harness = await ReporterHarness.make();
  for (const task of ["..", "", "a/b", "x".repeat(65)]) {
    await assertCode("invalid_input", () => harness.report(task));
  }
  assertEquals(await Array.fromAsync(Deno.readDir(harness.folder)), []);
});

Deno.test("report() fails with storage_failed if the folder does not exist", async () => {
  await using harness = await ReporterHarness.make();
  const other = new ReporterHarness(`${harness.folder}/none`);
  await assertCode("storage_failed", () => other.report("t1"));
});
