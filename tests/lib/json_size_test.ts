import { assert, assertEquals } from "@std/assert";
import type { Json } from "../../lib/json.ts";
import { estimateBytes } from "../../lib/json_size.ts";

Deno.test("weightOf() counts a text by its length, and what stands in its place as nothing more", () => {
  assertEquals([null, true, 1.5].map(estimateBytes), [0, 0, 0]);
  assertEquals(estimateBytes("x".repeat(1_000)) - estimateBytes(""), 1_000);
  assertEquals(estimateBytes({ ["x".repeat(1_000)]: 1 }) - estimateBytes({ "": 1 }), 1_000);
});

Deno.test("weightOf() counts many small things as what they take, not as what is written", () => {
  const many: [each: Json, least: number][] = [[{}, 56], [[], 16], [1, 8], ["ab", 24], [
    { a: 1 },
    56,
  ]];
  for (const [each, least] of many) {
    const bytes = estimateBytes(Array(1_000).fill(each)) / 1_000;
    assert(bytes >= least && bytes < 3 * least + 32, `${JSON.stringify(each)}: ${bytes}`);
  }
});
