import { assert, assertEquals, assertRejects } from "@std/assert";
import { analyze } from "../../../agents/analyzer/analyze.ts";
import { merge } from "../../../agents/analyzer/merge.ts";
import type { Draft } from "../../../agents/define.ts";
import { Analysis } from "../../../agents/shapes.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Json } from "../../../lib/json.ts";
import { Dice } from "../../harness/dice.ts";
import { MapDraft } from "../map_draft.ts";
import { pageOf } from "./page_of.ts";

const NO_NEWS = { appeared: [], silent: [], changed: [] };
const USUAL = { "request served": 80, "cache refreshed": 20, "login of someone": 10 };

/** Lines of a log, one second apart: each message as often as `counts` says. */
function logOf(counts: Record<string, number>): string {
  let second = 0;
  return Object.entries(counts).flatMap(([message, count]) =>
    Array.from({ length: count }, () => {
      const at = new Date(1714557600000 + 1000 * second++).toISOString();
      return `${at} INFO ${message}`;
    })
  ).join("\n");
}

async function run(memory: Draft, text: string, stream = "app"): Promise<Analysis> {
  return Analysis.parse(await merge([analyze(pageOf(text, { stream }))], memory));
}

Deno.test("merge() has no news of a first run, nor of an equal run", async () => {
  const memory = new MapDraft();
  const first = await run(memory, logOf(USUAL));
  assertEquals([first.run, first.news], [1, NO_NEWS]);
  assert(first.templates.every(({ status }) => status === "known"));
  assertEquals(first.templates.map(({ text, count }) => [text, count]), Object.entries(USUAL));
  const second = await run(memory, logOf(USUAL));
  assertEquals([second.run, second.news], [2, NO_NEWS]);
  assertEquals(second.templates.map(({ id }) => id), first.templates.map(({ id }) => id));
});

Deno.test("merge() reports a new template once", async () => {
  const memory = new MapDraft();
  await run(memory, logOf(USUAL));
  const { news, templates } = await run(memory, logOf({ ...USUAL, "disk is on fire": 1 }));
  const fire = templates.find(({ text }) => text === "disk is on fire");
  assertEquals(news.appeared, [fire!.id]);
  assertEquals(fire!.status, "new");
  assertEquals((await run(memory, logOf({ ...USUAL, "disk is on fire": 1 }))).news, NO_NEWS);
});

Deno.test("merge() reports a silent template once", async () => {
  const memory = new MapDraft();
  const { templates } = await run(memory, logOf(USUAL));
  const { "cache refreshed": _, ...rest } = USUAL;
  const { news } = await run(memory, logOf(rest));
  assertEquals(news.silent.map(({ id, text }) => [id, text]), [
    [templates[1].id, "cache refreshed"],
  ]);
  assertEquals((await run(memory, logOf(rest))).news.silent, []);
});

Deno.test("merge() reports a field whose median changed", async () => {
  const memory = new MapDraft();
  const took = (ms: number) =>
    Array.from({ length: 40 }, (_, n) => `2024-05-01 10:00:00 INFO call took ${ms + n % 5}ms`)
      .join("\n");
  await run(memory, took(100));
  assertEquals((await run(memory, took(104))).news, NO_NEWS);
  const { news } = await run(memory, took(900));
  assertEquals(news.changed.map(({ kind, subject }) => [kind, subject]), [["value", "took_ms"]]);
});

Deno.test("merge() knows a template that became more general", async () => {
  const memory = new MapDraft();
  const greet = (names: string[]) =>
    logOf(Object.fromEntries(names.map((name) => [`hello ${name} there`, 5])));
  await run(memory, greet(["ann", "bob"]));
  const { templates, news } = await run(memory, greet(["ann", "bob", "cid", "dan", "eve"]));
  assertEquals(templates.map(({ text, status }) => [text, status]), [["hello <*> there", "known"]]);
  assertEquals(news, NO_NEWS);
  assertEquals((await run(memory, greet(["zoe"]))).news.appeared, []);
});

Deno.test("merge() of the same partials in any order has the same result", async () => {
  const partials = Object.keys(USUAL).map((text) => analyze(pageOf(logOf({ [text]: 7 }))));
  const first = await merge(partials, new MapDraft());
  for (let seed = 1; seed <= 3; seed++) {
    assertEquals(await merge(new Dice(seed).shuffled(partials), new MapDraft()), first);
  }
});

Deno.test("merge() keeps streams apart and refuses to mix them", async () => {
  const memory = new MapDraft();
  await run(memory, logOf(USUAL), "a");
  assertEquals((await run(memory, logOf(USUAL), "b")).run, 1);
  const partials = ["a", "b"].map((stream) => analyze(pageOf("x", { stream })));
  const error = await assertRejects(() => merge(partials, memory), CodedError);
  assertEquals(error.code, "invalid_input");
});

Deno.test("merge() finds keywords in prose only", async () => {
  const memory = new MapDraft();
  const prose = "The keeper of the lighthouse slept.\nA storm woke the keeper at night.";
  assertEquals((await run(memory, prose, "prose")).keywords[0], ["keeper", 2]);
  assertEquals((await run(memory, logOf(USUAL), "log")).keywords, []);
});

Deno.test("merge() learns again what it cannot read of a baseline, and keeps the rest", async () => {
  const memory = new MapDraft();
  const took = Array.from({ length: 40 }, (_, n) => [`call ${n % 3} took ${100 + n % 5}ms`, 1]);
  const log = logOf({ ...USUAL, ...Object.fromEntries(took) });
  await run(memory, log);
  const stored = await memory.get("baseline/app") as Record<string, Json[]>;
  const odd = { n: 1, mean: null, variance: null };
  const fields = stored.fields.map((stats) => ({ ...stats as object, median: odd, spread: odd }));
  memory.set("baseline/app", { ...stored, fields });
  for (const times of [2, 3]) {
    const { run: number, news } = await run(memory, log);
    assertEquals([number, news], [times, NO_NEWS]);
  }
  const learned = await memory.get("baseline/app") as Record<string, { last: number }[]>;
  assertEquals(learned.fields.map(({ last }) => last), stored.fields.map(() => 3));
});

Deno.test("merge() starts a stream over if its baseline cannot be read at all", async () => {
  for (const odd of [null, 7, "x", [], {}, { runs: -1 }, { runs: 1, used: null, templates: 0 }]) {
    const memory = new MapDraft();
    memory.set("baseline/app", odd as Json);
    assertEquals((await run(memory, logOf(USUAL))).run, 1, JSON.stringify(odd));
    assertEquals((await run(memory, logOf(USUAL))).run, 2, JSON.stringify(odd));
  }
});

Deno.test("merge() fails rather than store what it could not read again", async () => {
  const memory = new MapDraft();
  const partial = analyze(pageOf(logOf(USUAL)));
  const buckets: [number, number][] = [[10 ** 6, 100]]; // an infinite magnitude
  const sketch = { positive: buckets, negative: [], zeros: 0 };
  const field = { name: "ms", count: 100, min: 1, max: 100, sum: 500, sketch };
  await assertRejects(() => merge([{ ...partial, fields: [field] }], memory));
  assertEquals(await memory.get("baseline/app"), undefined);
});
