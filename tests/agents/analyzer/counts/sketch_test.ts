import { assert, assertEquals } from "@std/assert";
import { BUCKETS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { quantile, SketchBuilder, spread } from "../../../../agents/analyzer/counts/sketch.ts";
import { Dice } from "../../../harness/dice.ts";

function sketchOf(values: number[]) {
  const builder = new SketchBuilder();
  for (const value of values) builder.add(value);
  return builder.build();
}

Deno.test("quantile() is within one per cent of the exact quantile", () => {
  const dice = new Dice(7);
  const values = Array.from(
    { length: 5000 },
    () => (dice.next() < 0.3 ? -1 : 1) * Math.exp(dice.next() * 8),
  );
  const sorted = values.toSorted((a, b) => a - b);
  const sketch = sketchOf(values);
  for (const q of [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1]) {
    const exact = sorted[Math.floor(q * (sorted.length - 1))];
    const error = Math.abs(quantile(sketch, q) - exact) / Math.abs(exact);
    assert(error <= 0.0101, `q ${q}: ${error}`);
  }
});

Deno.test("SketchBuilder.merge() comes to what adding all numbers comes to", () => {
  const dice = new Dice(8);
  const values = Array.from({ length: 300 }, () => Math.floor(dice.next() * 200) - 100);
  const merged = new SketchBuilder();
  merged.merge(sketchOf(values.slice(200)));
  merged.merge(sketchOf(values.slice(0, 200)));
  assertEquals(merged.build(), sketchOf(values));
});

Deno.test("SketchBuilder.build() joins the smallest magnitudes over the limit and loses no number", () => {
  const values = Array.from({ length: 3 * BUCKETS_MAX }, (_, index) => 1.021 ** index);
  const { positive } = sketchOf(values);
  assertEquals(positive.length, BUCKETS_MAX);
  assertEquals(positive.reduce((sum, [, n]) => sum + n, 0), values.length);
  const top = quantile(sketchOf(values), 0.99);
  assert(Math.abs(top / values[Math.floor(0.99 * (values.length - 1))] - 1) < 0.0101);
});

Deno.test("quantile() counts zeros between negative and positive numbers", () => {
  assertEquals(quantile(sketchOf([-5, 0, 0, 0, 5]), 0.5), 0);
});

Deno.test("spread() reaches from the 10th to the 90th percentile", () => {
  const reach = spread(sketchOf(Array.from({ length: 101 }, (_, n) => n)));
  assert(Math.abs(reach - 80) < 1, `${reach}`);
});
