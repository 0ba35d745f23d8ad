import { assert, assertEquals, assertRejects } from "@std/assert";
import { analyze } from "../../../agents/analyzer/analyze.ts";
import { BASELINE_TEMPLATES_MAX } from "../../../agents/analyzer/baseline/learn_run.ts";
import {
  BASELINES_BYTES_MAX,
  STREAMS_MAX,
} from "../../../agents/analyzer/baseline/stored_baseline.ts";
import { merge } from "../../../agents/analyzer/merge.ts";
import type { Draft } from "../../../agents/define.ts";
import type { Json } from "../../../lib/json.ts";
import { CodedError } from "../../../lib/errors.ts";
import { estimateBytes } from "../../../lib/json_size.ts";
import { Analysis } from "../../../agents/shapes.ts";
import { Dice } from "../../harness/dice.ts";
import { pageOf } from "./page_of.ts";

const NO_NEWS = { appeared: [], silent: [], changed: [] };

/** A draft over a map that holds JSON, as memory does. */
class MapDraft implements Draft {
  readonly values = new Map<string, string>();
  get(key: string): Promise<Json | undefined> {
    const value = this.values.get(key);
    return Promise.resolve(value === undefined ? undefined : JSON.parse(value));
  }
  keys(prefix: string): Promise<string[]> {
    return Promise.resolve([...this.values.keys()].filter((key) => key.startsWith(prefix)).sort());
  }
  set(key: string, value: Json): void {
    this.values.set(key, JSON.stringify(value));
  }
  delete(key: string): void {
    this.values.delete(key);
  }
}

/** Lines of a log: each message so many times, one second apart. */
function logOf(counts: Record<string, number>, level = "INFO"): string {
  let second = 0;
  return Object.entries(counts).flatMap(([message, count]) =>
    Array.from({ length: count }, () => {
      const at = new Date(1714557600000 + 1000 * second++).toISOString();
      return `${at} ${level} ${message}`;
    })
  ).join("\n");
}

async function run(memory: Draft, text: string, stream = "app"): Promise<Analysis> {
  return Analysis.parse(await merge([analyze(pageOf(text, { stream }))], memory));
}

const USUAL = { "request served": 80, "cache refreshed": 20, "login of someone": 10 };

Deno.test("merge() tells no news in a first run and in one that is the same", async () => {
  const memory = new MapDraft();
  const first = await run(memory, logOf(USUAL));
  assertEquals([first.run, first.news], [1, NO_NEWS]);
  assert(first.templates.every(({ status }) => status === "known"));
  assertEquals(first.templates.map(({ text, count }) => [text, count]), Object.entries(USUAL));
  const second = await run(memory, logOf(USUAL));
  assertEquals([second.run, second.news], [2, NO_NEWS]);
  assertEquals(second.templates.map(({ id }) => id), first.templates.map(({ id }) => id));
});

Deno.test("merge() tells a template that no earlier run had", async () => {
  const memory = new MapDraft();
  await run(memory, logOf(USUAL));
  const { news, templates } = await run(memory, logOf({ ...USUAL, "disk is on fire": 1 }));
  const fire = templates.find(({ text }) => text === "disk is on fire");
  assertEquals(news.appeared, [fire!.id]);
  assertEquals(fire!.status, "new");
  assertEquals((await run(memory, logOf({ ...USUAL, "disk is on fire": 1 }))).news, NO_NEWS);
});

Deno.test("merge() tells a usual template that went silent, once", async () => {
  const memory = new MapDraft();
  const { templates } = await run(memory, logOf(USUAL));
  const { "cache refreshed": _, ...less } = USUAL;
  const { news } = await run(memory, logOf(less));
  assertEquals(news.silent.map(({ id, text }) => [id, text]), [
    [templates[1].id, "cache refreshed"],
  ]);
  assertEquals((await run(memory, logOf(less))).news.silent, []);
});

Deno.test("merge() misses the one line that every run had", async () => {
  const memory = new MapDraft();
  for (let n = 0; n < 4; n++) await run(memory, logOf({ ...USUAL, "backup finished": 1 }));
  const { news } = await run(memory, logOf(USUAL));
  assertEquals(news.silent.map(({ text }) => text), ["backup finished"]);
});

Deno.test("merge() tells a rate that changed, and not one of small counts", async () => {
  const memory = new MapDraft();
  await run(memory, logOf({ ...USUAL, "retry sent": 1 }));
  const { news } = await run(memory, logOf({ ...USUAL, "cache refreshed": 100, "retry sent": 2 }));
  const rates = news.changed.filter(({ kind }) => kind === "rate").map(({ text }) => text);
  assertEquals(rates, ["cache refreshed"]);
});

Deno.test("merge() tells no rate that changed by a handful of records", async () => {
  const memory = new MapDraft();
  await run(memory, logOf(USUAL));
  await run(memory, logOf({ ...USUAL, "retry sent": 1 }));
  assertEquals((await run(memory, logOf({ ...USUAL, "retry sent": 9 }))).news, NO_NEWS);
  const { news } = await run(memory, logOf({ ...USUAL, "retry sent": 40 }));
  assertEquals(news.changed.map(({ text }) => text), ["retry sent"]);
});

Deno.test("merge() tells no median that moved within the field's spread", async () => {
  const memory = new MapDraft();
  const took = (ms: number[]) =>
    logOf(Object.fromEntries(ms.map((value, n) => [`call took ${value}ms ${n}`, 1])));
  const wide = Array.from({ length: 80 }, (_, n) => 10 + (n * 37 % 80) * 12);
  await run(memory, took(wide));
  assertEquals((await run(memory, took(wide.filter((ms) => ms > 680)))).news, NO_NEWS);
});

Deno.test("merge() tells a level whose share changed", async () => {
  const memory = new MapDraft();
  const errors = (n: number) => logOf({ "write failed": n }, "ERROR");
  await run(memory, `${logOf(USUAL)}\n${errors(2)}`);
  assertEquals((await run(memory, `${logOf(USUAL)}\n${errors(3)}`)).news.changed, []);
  const { news } = await run(memory, `${logOf(USUAL)}\n${errors(60)}`);
  const levels = news.changed.filter(({ kind }) => kind === "level").map(({ subject }) => subject);
  assertEquals(levels, ["error"]);
});

Deno.test("merge() tells a field whose median changed", async () => {
  const memory = new MapDraft();
  const took = (ms: number) =>
    Array.from({ length: 40 }, (_, n) => `2024-05-01 10:00:00 INFO call took ${ms + n % 5}ms`)
      .join("\n");
  await run(memory, took(100));
  assertEquals((await run(memory, took(104))).news, NO_NEWS);
  const { news } = await run(memory, took(900));
  assertEquals(news.changed.map(({ kind, subject }) => [kind, subject]), [["value", "took_ms"]]);
});

Deno.test("merge() tells a volume that changed, from the fourth run on", async () => {
  const memory = new MapDraft();
  const times = (factor: number) =>
    logOf(Object.fromEntries(Object.entries(USUAL).map(([text, n]) => [text, n * factor])));
  for (let n = 0; n < 3; n++) assertEquals((await run(memory, times(1))).news, NO_NEWS);
  const { news } = await run(memory, times(10));
  assertEquals(news.changed, [
    { kind: "volume", subject: "app", text: "app", usual: 110, now: 1100 },
  ]);
});

Deno.test("merge() knows a template again that became more general", async () => {
  const memory = new MapDraft();
  const greet = (names: string[]) =>
    logOf(Object.fromEntries(names.map((name) => [`hello ${name} there`, 5])));
  await run(memory, greet(["ann", "bob"]));
  const { templates, news } = await run(memory, greet(["ann", "bob", "cid", "dan", "eve"]));
  assertEquals(templates.map(({ text, status }) => [text, status]), [["hello <*> there", "known"]]);
  assertEquals(news, NO_NEWS);
  assertEquals((await run(memory, greet(["zoe"]))).news.appeared, []);
});

Deno.test("merge() gives the same for any order of its partials", async () => {
  const parts = Object.keys(USUAL).map((text) => analyze(pageOf(logOf({ [text]: 7 }))));
  const first = await merge(parts, new MapDraft());
  for (let seed = 1; seed <= 3; seed++) {
    assertEquals(await merge(new Dice(seed).shuffled(parts), new MapDraft()), first);
  }
});

Deno.test("merge() keeps streams apart and refuses to mix them", async () => {
  const memory = new MapDraft();
  await run(memory, logOf(USUAL), "a");
  assertEquals((await run(memory, logOf(USUAL), "b")).run, 1);
  const parts = ["a", "b"].map((stream) => analyze(pageOf("x", { stream })));
  const error = await assertRejects(() => merge(parts, memory), CodedError);
  assertEquals(error.code, "invalid_input");
});

Deno.test("merge() forgets the least recently used streams over the limit", async () => {
  const memory = new MapDraft();
  for (let n = 0; n < STREAMS_MAX; n++) await run(memory, "", `s${n}`);
  await run(memory, "", "s0");
  assertEquals((await memory.keys("baseline/")).length, STREAMS_MAX);
  await run(memory, "", "one more");
  assertEquals((await memory.keys("baseline/")).length, 0.9 * STREAMS_MAX);
  assertEquals((await run(memory, "", "s0")).run, 3);
  assertEquals((await run(memory, "", "one more")).run, 2);
  assertEquals(await memory.get("baseline/s1"), undefined);
});

async function bytesKept(memory: MapDraft): Promise<number> {
  const keys = await memory.keys("baseline/");
  const all = await Promise.all(keys.map((key) => memory.get(key)));
  return all.reduce((sum: number, baseline) => sum + estimateBytes(baseline!), 0);
}

Deno.test("merge() forgets the least recently used streams that take too much memory", async () => {
  const memory = new MapDraft();
  const mib = "x".repeat(1024 * 1024);
  const most = BASELINES_BYTES_MAX / mib.length;
  for (let n = 0; n <= most; n++) memory.set(`baseline/s${n}`, { used: n, mib });
  memory.set("merges", most);
  await run(memory, logOf(USUAL));
  const kept = await memory.keys("baseline/");
  const share = await bytesKept(memory) / BASELINES_BYTES_MAX;
  assert(share > 0.88 && share <= 0.9, `${share} of what they may take`);
  for (const latest of ["app", `s${most}`]) assert(kept.includes(`baseline/${latest}`), latest);
  for (const text of [logOf({ ...USUAL, another: 5 }), ""]) await run(memory, text);
  assertEquals(await memory.get("baseline_bytes"), await bytesKept(memory), "counted as they grow");
  memory.set("baseline_bytes", BASELINES_BYTES_MAX);
  await run(memory, logOf({ ...USUAL, another: 5, third: 5 }));
  assertEquals(await memory.get("baseline_bytes"), await bytesKept(memory), "looked at where full");
});

Deno.test("merge() bounds a stream's templates and drops those unseen for longest", async () => {
  const memory = new MapDraft();
  const name = (n: number) => [...String(n)].map((digit) => "abcdefghij"[Number(digit)]).join("");
  for (let part = 0; part < 6; part++) {
    const counts = Array.from({ length: 500 }, (_, n) => [`${name(part * 500 + n)} happened`, 1]);
    await run(memory, logOf(Object.fromEntries(counts)));
  }
  const baseline = await memory.get("baseline/app") as { templates: { last: number }[] };
  assertEquals(baseline.templates.length, BASELINE_TEMPLATES_MAX);
  assertEquals(Math.min(...baseline.templates.map(({ last }) => last)), 3);
});

Deno.test("merge() gives keywords for prose only", async () => {
  const memory = new MapDraft();
  const prose = "The keeper of the lighthouse slept.\nA storm woke the keeper at night.";
  assertEquals((await run(memory, prose, "prose")).keywords[0], ["keeper", 2]);
  assertEquals((await run(memory, logOf(USUAL), "log")).keywords, []);
});

Deno.test("merge() learns anew what it can't read of a baseline, and keeps the rest", async () => {
  const memory = new MapDraft();
  const took = Array.from({ length: 40 }, (_, n) => [`call ${n % 3} took ${100 + n % 5}ms`, 1]);
  const log = logOf({ ...USUAL, ...Object.fromEntries(took) });
  await run(memory, log);
  const kept = await memory.get("baseline/app") as Record<string, Json[]>;
  const odd = { n: 1, mean: null, variance: null };
  memory.set("baseline/app", {
    ...kept,
    fields: [...kept.fields.map((habit) => ({ ...habit as object, median: odd, spread: odd })), 7],
    templates: [...kept.templates, { text: "lost", seen: 1, last: 1, share: odd, presence: odd }],
    levels: [...kept.levels, ["loud", { n: 1, mean: 1, variance: 0 }], null],
  });
  for (const times of [2, 3]) {
    const { run: number, news } = await run(memory, log);
    assertEquals([number, news], [times, NO_NEWS]);
  }
  const { fields, levels, templates } = await memory.get("baseline/app") as Record<string, Json[]>;
  assertEquals([levels.length, templates.length], [kept.levels.length, kept.templates.length]);
  assertEquals(fields.map((habit) => (habit as { last: number }).last), kept.fields.map(() => 3));
});

Deno.test("merge() begins anew where it can't read a baseline or its count at all", async () => {
  for (const odd of [null, 7, "x", [], {}, { runs: -1 }, { runs: 1, used: null, templates: 0 }]) {
    const memory = new MapDraft();
    memory.set("baseline/app", odd as Json);
    memory.set("merges", odd as Json);
    assertEquals((await run(memory, logOf(USUAL))).run, 1, JSON.stringify(odd));
    assertEquals((await run(memory, logOf(USUAL))).run, 2, JSON.stringify(odd));
  }
});

Deno.test("merge() keeps nothing that it could not read again", async () => {
  const memory = new MapDraft();
  const [part] = [analyze(pageOf(logOf(USUAL)))];
  const buckets: [number, number][] = [[10 ** 6, 100]]; // an infinite magnitude
  const sketch = { positive: buckets, negative: [], zeros: 0 };
  const field = { name: "ms", count: 100, min: 1, max: 100, sum: 500, sketch };
  await assertRejects(() => merge([{ ...part, fields: [field] }], memory));
  assertEquals(await memory.get("baseline/app"), undefined);
});
