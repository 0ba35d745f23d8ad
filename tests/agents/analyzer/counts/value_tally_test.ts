import { assertEquals } from "@std/assert";
import {
  TALLY_NAMES_MAX,
  TALLY_VALUES_MAX,
  VALUES_PER_NAME_MAX,
} from "../../../../agents/analyzer/bounds.ts";
import { ValueTally } from "../../../../agents/analyzer/counts/value_tally.ts";

function tallyOf(counts: Record<string, number>): ValueTally {
  const tally = new ValueTally();
  for (const [value, count] of Object.entries(counts)) {
    for (let n = 0; n < count; n++) tally.add("host", value);
  }
  return tally;
}

Deno.test("ValueTally.build() ranks the values of a name", () => {
  assertEquals(tallyOf({ b: 1, web: 3, a: 1 }).build(), [
    { name: "host", count: 5, top: [["web", 3], ["a", 1], ["b", 1]], more: false },
  ]);
});

Deno.test("ValueTally.build() says if values are left out", () => {
  const counts = Object.fromEntries(
    Array.from({ length: VALUES_PER_NAME_MAX + 1 }, (_, n) => [`v${n}`, 2]),
  );
  const [{ top, more }] = tallyOf(counts).build();
  assertEquals([top.length, more], [VALUES_PER_NAME_MAX, true]);
});

Deno.test("ValueTally.build() lists no values of an identifier", () => {
  const distinct = (n: number) =>
    Object.fromEntries(Array.from({ length: n }, (_, k) => [`v${k}`, 1]));
  assertEquals(tallyOf(distinct(40)).build(), [{ name: "host", count: 40, top: [], more: true }]);
  assertEquals(tallyOf(distinct(39)).build()[0].top.length, 39, "too few to tell");
  assertEquals(tallyOf({ ...distinct(32), v0: 9 }).build()[0].top.length, 32, "80 % are distinct");
});

Deno.test("ValueTally.merge() adds counts up and remembers that values were left out", () => {
  const tally = tallyOf({ a: 1 });
  tally.merge({ name: "host", count: 7, top: [["a", 2], ["b", 1]], more: true });
  assertEquals(tally.build(), [{ name: "host", count: 8, top: [["a", 3], ["b", 1]], more: true }]);
});

Deno.test("ValueTally ignores new names and new values over its limits", () => {
  const tally = new ValueTally();
  for (let n = 0; n < TALLY_VALUES_MAX + 1; n++) {
    tally.add("host", `v${n}`);
    tally.add("host", "v0");
  }
  const [{ count, top, more }] = tally.build();
  assertEquals([count, top[0], more], [
    2 * TALLY_VALUES_MAX + 2,
    ["v0", TALLY_VALUES_MAX + 2],
    true,
  ]);
  for (let n = 1; n < TALLY_NAMES_MAX; n++) tally.add(`n${n}`, "x");
  for (let n = 0; n < 2 * TALLY_VALUES_MAX; n++) tally.add("over", "x");
  assertEquals(tally.build().some(({ name }) => name === "over"), false);
});
