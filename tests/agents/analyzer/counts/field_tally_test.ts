import { assert, assertEquals } from "@std/assert";
import {
  FIELDS_BYTES_MAX,
  FIELDS_MAX,
  MAGNITUDE_MAX,
  TALLY_NAMES_MAX,
} from "../../../../agents/analyzer/bounds.ts";
import { FieldTally } from "../../../../agents/analyzer/counts/field_tally.ts";
import { quantile } from "../../../../agents/analyzer/counts/sketch.ts";

Deno.test("FieldTally.add() counts, sums, and knows range and quantiles", () => {
  const tally = new FieldTally();
  for (const value of [4, -2, 7]) tally.add("ms", value);
  const [{ name, count, min, max, sum, sketch }] = tally.build();
  assertEquals([name, count, min, max, sum], ["ms", 3, -2, 7, 9]);
  assert(Math.abs(quantile(sketch, 0.5) - 4) <= 0.04);
});

Deno.test("FieldTally.add() ignores numbers that are no measurements", () => {
  const tally = new FieldTally();
  for (const value of [NaN, Infinity, 10 * MAGNITUDE_MAX]) tally.add("ms", value);
  assertEquals(tally.build(), []);
});

Deno.test("FieldTally.merge() comes to what adding all numbers comes to", () => {
  const [whole, left, right] = [new FieldTally(), new FieldTally(), new FieldTally()];
  for (let n = 0; n < 100; n++) {
    whole.add("ms", n);
    (n % 3 === 0 ? left : right).add("ms", n);
  }
  for (const field of right.build()) left.merge(field);
  assertEquals(left.build(), whole.build());
});

Deno.test("FieldTally.build() keeps the fields with the most numbers, within count and bytes", () => {
  const tally = new FieldTally();
  for (let n = 0; n < FIELDS_MAX + 1; n++) tally.add(`f${n}`, 1);
  for (let n = 1; n < FIELDS_MAX + 1; n++) tally.add(`f${n}`, 1);
  const names = tally.build().map(({ name }) => name);
  assertEquals([names.length, names.includes("f0")], [FIELDS_MAX, false]);
  for (let n = 0; n < 1000; n++) {
    for (const name of names) tally.add(name, 1.03 ** n);
  }
  const bytes = new TextEncoder().encode(JSON.stringify(tally.build())).length;
  assert(bytes <= FIELDS_BYTES_MAX, `${bytes}`);
});

Deno.test("FieldTally ignores new names over its limit", () => {
  const tally = new FieldTally();
  for (let n = 0; n < TALLY_NAMES_MAX; n++) tally.add(`f${n}`, 1);
  for (let n = 0; n < 3; n++) tally.add("over", 1);
  tally.add("f7", 1);
  assertEquals(tally.build()[0].name, "f7");
});

Deno.test("FieldTally.remove() removes a field", () => {
  const tally = new FieldTally();
  tally.add("row", 1);
  tally.remove("row");
  assertEquals(tally.build(), []);
});
