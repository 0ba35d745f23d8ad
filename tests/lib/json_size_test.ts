import { assert, assertEquals } from "@std/assert";
import type { Json } from "../../lib/json.ts";
import { estimateBytes } from "../../lib/json_size.ts";

Deno.test("estimateBytes() counts a string by its length, and a number by its slot alone", () => {
  assertEquals([null, true, 1.5].map(estimateBytes), [0, 0, 0]);
  assertEquals(estimateBytes("x".repeat(1_000)) - estimateBytes(""), 1_000);
  assertEquals(estimateBytes({ ["x".repeat(1_000)]: 1 }) - estimateBytes({ "": 1 }), 1_000);
});

Deno.test("estimateBytes() counts small values by the memory they take, not by their JSON", () => {
  const cases: [element: Json, min: number][] = [[{}, 56], [[], 16], [1, 8], ["ab", 24], [
    { a: 1 },
    56,
  ]];
  for (const [element, min] of cases) {
    const bytes = estimateBytes(Array(1_000).fill(element)) / 1_000;
    assert(bytes >= min && bytes < 3 * min + 32, `${JSON.stringify(element)}: ${bytes}`);
  }
});
