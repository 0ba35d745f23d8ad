import { assertEquals, assertThrows } from "@std/assert";
import type { Summary } from "../../../agents/reporter/content/summary.ts";
import { ReportIndex, REPORTS_MAX } from "../../../agents/reporter/report_index.ts";
import type { Json } from "../../../lib/json.ts";
import { MapDraft } from "../map_draft.ts";

function summaryOf(task: string, changes: Partial<Summary> = {}): Summary {
  return {
    task,
    stream: "app",
    run: 1,
    headline: "h",
    records: 10,
    bytes: 100,
    errors: null,
    templates: 2,
    to: null,
    ...changes,
  };
}

async function indexOf(...tasks: string[]): Promise<{ memory: MapDraft; index: ReportIndex }> {
  const memory = new MapDraft();
  const index = await ReportIndex.read(memory);
  for (const task of tasks) index.add(summaryOf(task));
  return { memory, index: await ReportIndex.read(memory) };
}

function tasks({ reports }: ReportIndex): string[] {
  return reports.map(({ task }) => task);
}

Deno.test("ReportIndex has its reports newest first, whatever their tasks are called", async () => {
  const { index } = await indexOf("t1", "z", "a");
  assertEquals(tasks(index), ["a", "z", "t1"]);
  assertEquals(index.reports[0], summaryOf("a"));
});

Deno.test("ReportIndex.previous() is the last report of the same stream before a task", async () => {
  const { index } = await indexOf("t1", "t2");
  index.add(summaryOf("t3", { stream: "other" }));
  assertEquals(index.previous("app", "t9")?.task, "t2");
  assertEquals(index.previous("app", "t2")?.task, "t1");
  assertEquals(index.previous("app", "t1"), null);
  assertEquals(index.previous("new", "t9"), null);
});

Deno.test("ReportIndex.add() replaces the report of a task in its place", async () => {
  const { memory, index } = await indexOf("t1", "t2");
  assertEquals(index.add(summaryOf("t1", { run: 7 })), []);
  assertEquals(tasks(index), ["t2", "t1"]);
  assertEquals((await ReportIndex.read(memory)).reports[1].run, 7);
});

Deno.test("ReportIndex.add() evicts the oldest over the limit", async () => {
  const { memory, index } = await indexOf(
    ...Array.from({ length: REPORTS_MAX }, (_, n) => `t${n}`),
  );
  assertEquals(index.add(summaryOf("newest")), ["t0"]);
  assertEquals([index.reports.length, memory.size], [REPORTS_MAX, REPORTS_MAX]);
  assertEquals(await memory.get("report/t0"), undefined);
});

Deno.test("ReportIndex counts entries that it cannot read", async () => {
  const { memory } = await indexOf("t1");
  const stored = await memory.get("report/t1") as { [key: string]: Json };
  const odd: Record<string, Json> = {
    large: { ...stored, task: "large", number: 2, errors: 2 ** 53 },
    "../up": { ...stored, task: "../up", number: 3 },
    other: { ...stored, number: 4 },
    null: null,
  };
  for (const [task, value] of Object.entries(odd)) memory.set(`report/${task}`, value);
  const index = await ReportIndex.read(memory);
  assertEquals([tasks(index), index.unreadable], [["t1"], 4]);
  index.add(summaryOf("large"));
  assertEquals([tasks(index), index.unreadable], [["large", "t1"], 3]);
});

Deno.test("ReportIndex.add() evicts entries that it cannot read first", async () => {
  const { memory } = await indexOf(...Array.from({ length: REPORTS_MAX - 1 }, (_, n) => `t${n}`));
  memory.set("report/odd", null);
  memory.set("report/../up", null);
  const index = await ReportIndex.read(memory);
  assertEquals(index.add(summaryOf("newest")), ["../up", "odd"]);
  assertEquals([index.unreadable, tasks(index).at(-1)], [0, "t0"]);
});

Deno.test("ReportIndex.add() rejects a task that is no id", async () => {
  const { index } = await indexOf();
  assertThrows(() => index.add(summaryOf("../up")));
});
