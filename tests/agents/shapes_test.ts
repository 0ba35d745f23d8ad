import { assertEquals } from "@std/assert";
import { z } from "zod";
import { analyzer } from "../../agents/analyzer/analyzer.ts";
import { collector } from "../../agents/collector/collector.ts";
import { reporter } from "../../agents/reporter/reporter.ts";
import { Partial, Sketch } from "../../agents/shapes.ts";
import type { Json } from "../../lib/json.ts";

/** Where a schema has an array without an end, or an object of any keys. */
function* endless(schema: Json, path: string): Generator<string> {
  if (typeof schema !== "object" || schema === null) return;
  if (Array.isArray(schema)) {
    for (const [at, inner] of schema.entries()) yield* endless(inner, `${path}.${at}`);
    return;
  }
  const { type, maxItems, prefixItems, additionalProperties } = schema;
  if (type === "array" && maxItems === undefined && prefixItems === undefined) yield path;
  if (type === "object" && additionalProperties !== false) yield path;
  for (const [key, inner] of Object.entries(schema)) yield* endless(inner, `${path}.${key}`);
}

Deno.test("what agents are asked has an end wherever it is a list", () => {
  const found: string[] = [];
  for (const { name, ops } of [analyzer, collector("inbox"), reporter("memory")]) {
    for (const [op, { input, output }] of Object.entries(ops)) {
      const asked = z.toJSONSchema(input, { io: "input" }) as Json;
      found.push(...endless(asked, `${name}.${op}.input`));
      if (name === "collector") continue; // what it gives is made by itself and bounded there
      found.push(...endless(z.toJSONSchema(output) as Json, `${name}.${op}.output`));
    }
  }
  assertEquals(found, []);
});

Deno.test("Sketch takes the buckets of every magnitude that is measured, and no others", () => {
  const takes = (index: number) =>
    Sketch.safeParse({ positive: [[index, 1]], negative: [], zeros: 0 }).success;
  assertEquals([-1_382, 0, 11_513].map(takes), [true, true, true]);
  assertEquals([-1e6, 1e6, 2 ** 53 - 1, 1.5].map(takes), [false, false, false, false]);
});

Deno.test("Partial takes the levels that there are, and no others", () => {
  const levels = (value: unknown) => Partial.shape.levels.safeParse(value).success;
  assertEquals([{}, { fatal: 1, none: 2 }].map(levels), [true, true]);
  assertEquals([{ loud: 1 }, { info: -1 }, { info: 2 ** 53 }].map(levels), [false, false, false]);
});
