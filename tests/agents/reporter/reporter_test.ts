import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Context, Draft } from "../../../agents/define.ts";
import { REPORTS_MAX } from "../../../agents/reporter/report_index.ts";
import { reporter } from "../../../agents/reporter/reporter.ts";
import { removeReport } from "../../../agents/reporter/report_folder.ts";
import { Analysis, Report } from "../../../agents/shapes.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Json } from "../../../lib/json.ts";
import { analysis } from "./sample.ts";

/** The reporter on a temporary folder, with a memory that forgets what a failed handler did. */
class Bench {
  readonly folder: string;
  readonly memory = new Map<string, Json>();
  readonly #ops;

  constructor(folder: string) {
    this.folder = folder;
    this.#ops = reporter(folder).ops;
  }

  async report(task: string, change: Partial<Analysis> = {}): Promise<Report> {
    const draft = new Map(this.memory);
    const input = Analysis.parse(analysis(change));
    const output = Report.parse(await this.#ops.report.handle(input, context(task, draft)));
    this.memory.clear();
    for (const [key, value] of draft) this.memory.set(key, value);
    return output;
  }

  async read(task: string, format: string): Promise<string> {
    const input = this.#ops.read.input.parse({ task, format });
    const reply = await this.#ops.read.handle(input, context("r", this.memory));
    return (reply as { text: string }).text;
  }

  file(path: string): Promise<string> {
    return Deno.readTextFile(`${this.folder}/reports/${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function bench(): Promise<Bench> {
  return new Bench(await Deno.makeTempDir());
}

function context(task: string, map: Map<string, Json>): Context {
  const memory: Draft = {
    get: (key) => Promise.resolve(map.get(key)),
    keys: (prefix) =>
      Promise.resolve([...map.keys()].filter((key) => key.startsWith(prefix)).sort()),
    set: (key, value) => void map.set(key, JSON.parse(JSON.stringify(value))),
    delete: (key) => void map.delete(key),
  };
  return { task, memory, signal: new AbortController().signal, note() {} };
}

async function assertCode(code: string, work: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(work, CodedError);
  assertEquals(error.code, code, error.message);
}

Deno.test("report() writes three forms and answers with the Markdown", async () => {
  await using it = await bench();
  const reply = await it.report("t1");
  assertEquals(reply.headline, "Nothing new: errors 1.2 %, 12,340 records");
  assertEquals(reply.files.map(({ path }) => path), [
    "reports/t1/report.md",
    "reports/t1/report.html",
    "reports/t1/report.json",
  ]);
  for (const { path, bytes } of reply.files) {
    assertEquals((await Deno.stat(`${it.folder}/${path}`)).size, bytes);
  }
  assertEquals(await it.file("t1/report.md"), reply.markdown);
  const json = JSON.parse(await it.file("t1/report.json"));
  assertEquals(json.analysis, analysis());
  assertEquals([json.task, json.headline, json.previous], ["t1", reply.headline, null]);
});

Deno.test("report() compares with the report before it of the same stream", async () => {
  await using it = await bench();
  await it.report("t1", { run: 1 });
  await it.report("t2", { stream: "other" });
  const reply = await it.report("t3", { run: 2 });
  assertStringIncludes(reply.markdown, "previous report: `t1` (run 1)");
  assertStringIncludes(await it.file("t3/report.html"), 'href="../t1/report.html"');
});

Deno.test("report() repeated writes the same bytes, before the commit and after it", async () => {
  await using it = await bench();
  await it.report("t1", { run: 1 });
  const before = new Map(it.memory);
  const first = await everyFile(it, "t2");
  it.memory.clear();
  for (const [key, value] of before) it.memory.set(key, value);
  assertEquals(await everyFile(it, "t2"), first);
  assertEquals(await everyFile(it, "t2"), first);

  async function everyFile(it: Bench, task: string): Promise<string[]> {
    await it.report(task, { run: 2 });
    const names = ["report.md", "report.html", "report.json"].map((name) => `${task}/${name}`);
    return Promise.all([...names, "index.html", "index.json"].map((name) => it.file(name)));
  }
});

Deno.test("report() keeps the index newest first", async () => {
  await using it = await bench();
  for (const task of ["t1", "z", "a"]) await it.report(task);
  const { reports } = JSON.parse(await it.file("index.json"));
  assertEquals(reports.map(({ task }: { task: string }) => task), ["a", "z", "t1"]);
  assertEquals(reports[0].path, "reports/a/report.html");
  const page = await it.file("index.html");
  assertEquals([...page.matchAll(/<td class="text"><a href="([^"]*)"/g)].map(([, to]) => to), [
    "a/report.html",
    "a/report.html",
    "z/report.html",
    "t1/report.html",
  ]);
});

Deno.test("report() removes the reports that are beyond the limit", async () => {
  await using it = await bench();
  await it.report("oldest");
  const kept = it.memory.get("report/oldest") as { [key: string]: Json };
  for (let i = 2; i <= REPORTS_MAX; i++) {
    it.memory.set(`report/n${i}`, { ...kept, task: `n${i}`, number: i });
  }
  await it.report("full");
  assertEquals(it.memory.size, REPORTS_MAX);
  assertEquals(it.memory.has("report/oldest"), false);
  await assertRejects(() => Deno.stat(`${it.folder}/reports/oldest`), Deno.errors.NotFound);
  const { reports } = JSON.parse(await it.file("index.json"));
  assertEquals([reports.length, reports[0].task], [REPORTS_MAX, "full"]);
});

Deno.test("report() refuses to write through a symlink", async () => {
  for (
    const [link, target] of [["reports", ""], ["reports/t1", ""], ["reports/t1/report.md", "f"]]
  ) {
    await using it = await bench();
    await using other = await bench();
    await Deno.writeTextFile(`${other.folder}/f`, "untouched");
    const parent = link.split("/").slice(0, -1).join("/");
    await Deno.mkdir(`${it.folder}/${parent}`, { recursive: true });
    await Deno.symlink(`${other.folder}/${target}`, `${it.folder}/${link}`);
    await assertCode("handler_rejected", () => it.report("t1"));
    const left = await Array.fromAsync(Deno.readDir(other.folder));
    assertEquals(left.map(({ name }) => name), ["f"]);
    assertEquals(await Deno.readTextFile(`${other.folder}/f`), "untouched");
    assertEquals(it.memory.size, 0);
  }
});

Deno.test("removeReport() removes nothing through a symlink, and the link of a task alone", async () => {
  await using b = await bench();
  await using outside = await bench();
  await outside.report("t1");
  await Deno.symlink(`${outside.folder}/reports`, `${b.folder}/reports`);
  await assertCode("handler_rejected", () => removeReport(b.folder, "t1"));
  await Deno.remove(`${b.folder}/reports`);
  await Deno.mkdir(`${b.folder}/reports`);
  await Deno.symlink(`${outside.folder}/reports/t1`, `${b.folder}/reports/t1`);
  await removeReport(b.folder, "t1");
  assertEquals(await Array.fromAsync(Deno.readDir(`${b.folder}/reports`)), []);
  assertStringIncludes(await outside.file("t1/report.md"), "# Report on");
});

Deno.test("report() refuses a task that is no folder's name", async () => {
  await using it = await bench();
  for (const task of ["..", "", "a/b", "x".repeat(65)]) {
    await assertCode("invalid_input", () => it.report(task));
  }
  assertEquals(await Array.fromAsync(Deno.readDir(it.folder)), []);
});

Deno.test("report() says storage_failed where the folder is gone", async () => {
  await using it = await bench();
  const gone = new Bench(`${it.folder}/none`);
  await assertCode("storage_failed", () => gone.report("t1"));
});

Deno.test("read() gives each form again", async () => {
  await using it = await bench();
  const { markdown } = await it.report("t1");
  assertEquals(await it.read("t1", "md"), markdown);
  assertEquals(await it.read("t1", "html"), await it.file("t1/report.html"));
  assertEquals(JSON.parse(await it.read("t1", "json")).task, "t1");
});

Deno.test("read() says not_found where there is no report", async () => {
  await using it = await bench();
  await assertCode("not_found", () => it.read("t1", "md"));
});

Deno.test("read() follows no symlink", async () => {
  await using it = await bench();
  await it.report("t1");
  await Deno.remove(`${it.folder}/reports/t1/report.md`);
  await Deno.symlink("/etc/hostname", `${it.folder}/reports/t1/report.md`);
  await assertCode("handler_rejected", () => it.read("t1", "md"));
});

Deno.test("read() refuses what no reply can hold", async () => {
  await using it = await bench();
  await it.report("t1");
  await Deno.writeTextFile(`${it.folder}/reports/t1/report.json`, '"'.repeat(1_100_000));
  await assertCode("handler_rejected", () => it.read("t1", "json"));
  assert((await it.read("t1", "md")).length > 0);
});

Deno.test("report() of more errors than a number counts is one that the next report can read", async () => {
  await using it = await bench();
  const most = Number.MAX_SAFE_INTEGER;
  await it.report("t1", { levels: { error: most, fatal: most } });
  await it.report("t2");
  const { reports, unreadable } = JSON.parse(await it.file("index.json"));
  assertEquals(reports.map(({ errors }: { errors: number }) => errors), [148, most]);
  assertEquals(unreadable, 0);
});

Deno.test("report() passes over entries that it can't read and counts them", async () => {
  await using it = await bench();
  await it.report("t1");
  const kept = it.memory.get("report/t1") as { [key: string]: Json };
  const odd: Record<string, Json> = {
    large: { ...kept, task: "large", number: 2, errors: 2 ** 53 },
    "../up": { ...kept, task: "../up", number: 3 },
    other: { ...kept, number: 4 },
    null: null,
  };
  for (const [task, value] of Object.entries(odd)) it.memory.set(`report/${task}`, value);
  const { markdown } = await it.report("t2");
  assertStringIncludes(markdown, "previous report: `t1`");
  const { reports, unreadable } = JSON.parse(await it.file("index.json"));
  assertEquals(reports.map(({ task }: { task: string }) => task), ["t2", "t1"]);
  assertEquals(unreadable, 4);
  assertStringIncludes(await it.file("index.html"), "4 reports left out");
  await it.report("large");
  assertEquals(JSON.parse(await it.file("index.json")).unreadable, 3);
});

Deno.test("report() removes entries that it can't read before others where there are too many", async () => {
  await using it = await bench();
  await it.report("first");
  const kept = it.memory.get("report/first") as { [key: string]: Json };
  it.memory.set("report/odd", { ...kept, task: "odd", errors: -1 });
  it.memory.set("report/../up", null);
  for (let i = 2; i < REPORTS_MAX; i++) {
    it.memory.set(`report/n${i}`, { ...kept, task: `n${i}`, number: i });
  }
  await it.report("full");
  assertEquals(it.memory.size, REPORTS_MAX);
  const odd = ["first", "odd", "../up"].map((task) => it.memory.has(`report/${task}`));
  assertEquals(odd, [true, false, false]);
});
