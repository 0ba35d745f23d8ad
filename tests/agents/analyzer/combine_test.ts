import { assert, assertEquals, assertThrows } from "@std/assert";
import { analyze } from "../../../agents/analyzer/analyze.ts";
import { combine } from "../../../agents/analyzer/combine.ts";
import { PARTIAL_BYTES_MAX, PARTIALS_MAX } from "../../../agents/analyzer/bounds.ts";
import { CodedError } from "../../../lib/errors.ts";
import { type Level, Partial } from "../../../agents/shapes.ts";
import { Dice } from "../../harness/dice.ts";
import { pageOf } from "./page_of.ts";

/** Partials of one log with some of everything. */
function partialsOf(count: number): Partial[] {
  const dice = new Dice(11);
  const levels = ["INFO", "WARN", "ERROR", "DEBUG"];
  const users = ["ann", "bob", "cid", "dan", "eve"];
  return Array.from({ length: count }, (_, page) => {
    const lines = Array.from({ length: 60 }, () => {
      const at = new Date(1714557600000 + Math.floor(dice.next() * 1e8)).toISOString();
      return `${at} ${dice.pick(levels)} user ${dice.pick(users)} state=${dice.pick(users)} took ${
        Math.floor(dice.next() * 1000)
      }ms`;
    });
    return analyze(pageOf(lines.join("\n"), { source: `part-${page % 4}.log` }));
  });
}

Deno.test("combine() has the same result for any order and any grouping", () => {
  const partials = partialsOf(12);
  const whole = combine(partials);
  assertEquals(whole.records, 12 * 60);
  assertEquals(whole.sources.length, 4);
  for (let seed = 1; seed <= 8; seed++) {
    const dice = new Dice(seed);
    const order = dice.shuffled(partials);
    const cut = 1 + Math.floor(dice.next() * (order.length - 1));
    const grouped = combine([combine(order.slice(0, cut)), combine(order.slice(cut))]);
    assertEquals(grouped, whole);
  }
});

Deno.test("combine() of one partial changes nothing", () => {
  const [partial] = partialsOf(1);
  assertEquals(combine([partial]), partial);
});

Deno.test("combine() rejects partials of different streams", () => {
  const partials = ["a", "b"].map((stream) => analyze(pageOf("x", { stream })));
  const error = assertThrows(() => combine(partials), CodedError);
  assertEquals(error.code, "invalid_input");
});

Deno.test("combine() stays within the bytes of a partial, whatever the partials", () => {
  const dice = new Dice(5);
  const wide = "\u20ac".repeat(30);
  const buckets = Array.from(
    { length: 500 },
    (): [number, number] => [dice.below(9999), 2 ** 30],
  );
  const partials = Array.from({ length: PARTIALS_MAX }, (_, part): Partial => ({
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
        positive: buckets,
        negative: buckets,
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
  const whole = Partial.parse(combine(partials));
  assert(new TextEncoder().encode(JSON.stringify(whole)).length < PARTIAL_BYTES_MAX);
  const counted = whole.templates.reduce((sum, { count }) => sum + count, 0);
  assertEquals(counted + whole.templates_dropped, PARTIALS_MAX * 301 * 2 ** 30);
});

Deno.test("combine() of more records than a number can count returns what it accepts itself", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const buckets: [number, number][] = Array.from({ length: 512 }, (_, n) => [n, most]);
  const partial = Partial.parse({
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
  const [field] = partial.fields;
  const other = {
    ...partial,
    fields: [{ ...field, sketch: { ...field.sketch, positive: shifted } }],
  };
  const sum = Partial.parse(combine([partial, other, partial]));
  assertEquals(sum.records, most);
  assertEquals(sum.templates[0].count, most);
  assertEquals(Partial.parse(combine([sum, partial])), sum);
});
