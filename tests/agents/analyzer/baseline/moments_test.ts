import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type Moments,
  observe,
  sumMoments,
  zeroMoments,
} from "../../../../agents/analyzer/baseline/moments.ts";

function after(values: number[]): Moments {
  return values.reduce(observe, zeroMoments(0));
}

Deno.test("observe() of up to ten values comes to their plain mean and variance", () => {
  const { n, mean, variance } = after([2, 4, 4, 4, 5, 5, 7, 9]);
  assertEquals(n, 8);
  assertAlmostEquals(mean, 5);
  assertAlmostEquals(variance, 4);
});

Deno.test("observe() lets old values fade", () => {
  const { mean, variance } = after([...Array(100).fill(1), ...Array(50).fill(9)]);
  assert(mean > 8.9 && variance < 1, `${mean} ${variance}`);
  const plain = (100 * 1 + 50 * 9) / 150;
  assert(mean > 2 * plain);
});

Deno.test("zeroMoments() are the moments after n zeros", () => {
  assertEquals(zeroMoments(5), after([0, 0, 0, 0, 0]));
});

Deno.test("sumMoments() adds means and variances", () => {
  const sum = sumMoments({ n: 3, mean: 1, variance: 2 }, { n: 5, mean: 10, variance: 20 });
  assertEquals(sum, { n: 5, mean: 11, variance: 22 });
});
