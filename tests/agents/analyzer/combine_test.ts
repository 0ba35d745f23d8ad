import { assert, assertEquals, assertThrows } from "@std/assert";
import { analyze } from "../../../agents/analyzer/analyze.ts";
import { combine } from "../../../agents/analyzer/combine.ts";
import { PARTIAL_BYTES_MAX, PARTIALS_MAX, SOURCES_REST } from "../../../agents/analyzer/bounds.ts";
import { CodedError } from "../../../lib/errors.ts";
import { type Level, Partial } from "../../../agents/shapes.ts";
import { Dice } from "../../harness/dice.ts";
import { pageOf } from "./page_of.ts";

/** Pages of one log with some of everything. */
function pages(count: number): Partial[] {
  const roll = new Dice(11);
  const levels = ["INFO", "WARN", "ERROR", "DEBUG"];
  const users = ["ann", "bob", "cid", "dan", "eve"];
  const pick = <T>(items: T[]) => items[Math.floor(roll.next() * items.length)];
  return Array.from({ length: count }, (_, page) => {
    const lines = Array.from({ length: 60 }, () => {
      const at = new Date(1714557600000 + Math.floor(roll.next() * 1e8)).toISOString();
      return `${at} ${pick(levels)} user ${pick(users)} state=${pick(users)} took ${
        Math.floor(roll.next() * 1000)
      }ms`;
    });
    return analyze(pageOf(lines.join("\n"), { source: `part-${page % 4}.log` }));
  });
}

Deno.test("combine() gives the same for any order and any grouping", () => {
  const parts = pages(12);
  const whole = combine(parts);
  assertEquals(whole.records, 12 * 60);
  assertEquals(whole.sources.length, 4);
  for (let seed = 1; seed <= 8; seed++) {
    const roll = new Dice(seed);
    const order = roll.shuffled(parts);
    const cut = 1 + Math.floor(roll.next() * (order.length - 1));
    const grouped = combine([combine(order.slice(0, cut)), combine(order.slice(cut))]);
    assertEquals(grouped, whole);
  }
});

Deno.test("combine() of one part changes nothing", () => {
  const [part] = pages(1);
  assertEquals(combine([part]), part);
});

Deno.test("combine() refuses parts of different streams", () => {
  const parts = ["a", "b"].map((stream) => analyze(pageOf("x", { stream })));
  const error = assertThrows(() => combine(parts), CodedError);
  assertEquals(error.code, "invalid_input");
});

Deno.test("combine() sums sources over the limit up and loses none", () => {
  const parts = Array.from({ length: PARTIALS_MAX }, (_, n) => ({
    ...analyze(pageOf("x")),
    sources: Array.from({ length: 40 }, (_, k) => ({
      name: `${"\u0001".repeat(200)}${n}-${k}`,
      format: "lines" as const,
      records: 1,
      bytes: 2,
    })),
  }));
  const { sources } = combine([combine(parts.slice(0, 20)), combine(parts.slice(20))]);
  assertEquals(sources.reduce((sum, { records }) => sum + records, 0), 40 * PARTIALS_MAX);
  assertEquals(sources.at(-1)?.name, SOURCES_REST);
});

Deno.test("combine() stays below the size of a partial, whatever the parts", () => {
  const roll = new Dice(5);
  const wide = "\u20ac".repeat(30);
  const parts = Array.from({ length: PARTIALS_MAX }, (_, part): Partial => ({
    stream: "\u0001".repeat(256),
    sources: Array.from({ length: 64 }, (_, n) => ({
      name: `${part}/${n}/${"\u0001".repeat(240)}`,
      format: "csv",
      records: 2 ** 30,
      bytes: 2 ** 30,
    })),
    records: 2 ** 30,
    bytes: 2 ** 30,
    cut: 2 ** 30,
    levels: Object.fromEntries(["error", "none"].map((level) => [level as Level, 2 ** 30])),
    timeline: {
      step_ms: 28 * 86_400_000,
      points: Array.from({ length: 512 }, (_, n) => [
        (n - 256) * 28 * 86_400_000 * 64 + part,
        2 ** 30,
        2 ** 30,
      ]),
    },
    templates: Array.from({ length: 300 }, (_, n) => ({
      text: `t${part}-${n} ${wide.repeat(9)}`,
      level: "error",
      count: 2 ** 30,
      first_at: -1e15 / 3,
      last_at: 1e15 / 3,
      example: "\ufffd".repeat(400),
    })),
    templates_dropped: 2 ** 30,
    fields: Array.from({ length: 60 }, (_, n) => ({
      name: `${part}-${n}${wide}`,
      count: 2 ** 30,
      min: -1e99 / 3,
      max: 1e99 / 3,
      sum: 1e99 / 3,
      sketch: {
        positive: Array.from({ length: 500 }, () => [Math.floor(roll.next() * 9999), 2 ** 30]),
        negative: Array.from({ length: 500 }, () => [Math.floor(roll.next() * 9999), 2 ** 30]),
        zeros: 2 ** 30,
      },
    })),
    values: Array.from({ length: 60 }, (_, n) => ({
      name: `${part}-${n}${wide}`,
      count: 2 ** 30,
      top: Array.from({ length: 40 }, (_, k) => [`${k}${wide}`, 2 ** 30]),
      more: true,
    })),
    words: Array.from({ length: 200 }, (_, n) => [`${part}-${n}${wide}`, 2 ** 30]),
  }));
  const whole = Partial.parse(combine(parts));
  assert(new TextEncoder().encode(JSON.stringify(whole)).length < PARTIAL_BYTES_MAX);
  const told = whole.templates.reduce((sum, { count }) => sum + count, 0);
  assertEquals(told + whole.templates_dropped, PARTIALS_MAX * 301 * 2 ** 30);
});

Deno.test("combine() of more records than a number counts gives what it takes itself", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const buckets: [number, number][] = Array.from({ length: 512 }, (_, n) => [n, most]);
  const part = Partial.parse({
    stream: "app",
    sources: [{ name: "a", format: "csv", records: most, bytes: most }],
    records: most,
    bytes: most,
    cut: most,
    levels: { fatal: most, error: most },
    timeline: { step_ms: 1000, points: [[0, most, most]] },
    templates: [
      { text: "a", level: "error", count: most, first_at: null, last_at: null, example: "a" },
    ],
    templates_dropped: most,
    fields: [{
      name: "ms",
      count: most,
      min: 1,
      max: 2,
      sum: 0,
      sketch: { positive: buckets, negative: buckets, zeros: most },
    }],
    values: [{ name: "method", count: most, top: [["GET", most]], more: false }],
    words: [["keeper", most]],
  });
  const shifted = buckets.map(([index, n]): [number, number] => [index + 512, n]);
  const [field] = part.fields;
  const other = { ...part, fields: [{ ...field, sketch: { ...field.sketch, positive: shifted } }] };
  const sum = Partial.parse(combine([part, other, part]));
  assertEquals(sum.records, most);
  assertEquals(sum.templates[0].count, most);
  assertEquals(Partial.parse(combine([sum, part])), sum);
});
