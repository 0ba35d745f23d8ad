import { assertEquals } from "@std/assert";
import { z } from "zod";
import { analyzer } from "../../agents/analyzer/analyzer.ts";
import { collector } from "../../agents/collector/collector.ts";
import { reporter } from "../../agents/reporter/reporter.ts";
import { Partial, Sketch } from "../../agents/shapes.ts";
import type { Json } from "../../lib/json.ts";

/** Yields the places of a JSON schema with an unlimited array or an object of any keys. */
function* unlimited(schema: Json, path: string): Generator<string> {
  if (typeof schema !== "object" || schema === null) return;
  if (Array.isArray(schema)) {
    for (const [at, inner] of schema.entries()) yield* unlimited(inner, `${path}.${at}`);
    return;
  }
  const { type, maxItems, prefixItems, additionalProperties } = schema;
  if (type === "array" && maxItems === undefined && prefixItems === undefined) yield path;
  if (type === "object" && additionalProperties !== false) yield path;
  for (const [key, inner] of Object.entries(schema)) yield* unlimited(inner, `${path}.${key}`);
}

Deno.test("the schemas of all agents limit every list and the keys of every object", () => {
  const found: string[] = [];
  for (const { name, ops } of [analyzer, collector("inbox"), reporter("memory")]) {
    for (const [op, { input, output }] of Object.entries(ops)) {
      const asked = z.toJSONSchema(input, { io: "input" }) as Json;
      found.push(...unlimited(asked, `${name}.${op}.input`));
      if (name === "collector") continue; // its output is not read from another agent, and is bounded where it is made
      found.push(...unlimited(z.toJSONSchema(output) as Json, `${name}.${op}.output`));
    }
  }
  assertEquals(found, []);
});

Deno.test("Sketch accepts the buckets of all measurable magnitudes, and no others", () => {
  const takes = (index: number) =>
    Sketch.safeParse({ positive: [[index, 1]], negative: [], zeros: 0 }).success;
  assertEquals([-1_382, 0, 11_513].map(takes), [true, true, true]);
  assertEquals([-1e6, 1e6, 2 ** 53 - 1, 1.5].map(takes), [false, false, false, false]);
});

Deno.test("Partial accepts the known levels, and no others", () => {
  const levels = (value: unknown) => Partial.shape.levels.safeParse(value).success;
  assertEquals([{}, { fatal: 1, none: 2 }].map(levels), [true, true]);
  assertEquals([{ loud: 1 }, { info: -1 }, { info: 2 ** 53 }].map(levels), [false, false, false]);
});
