import { assert, assertEquals } from "@std/assert";
import { readDelimited } from "../../../../agents/analyzer/records/delimited.ts";

Deno.test("readDelimited() names columns by the header, and by their place where it has no name", () => {
  const [{ numbers }] = readDelimited("1,2,3\n", ",", [" a ", " "]);
  assertEquals(numbers, [["a", 1], ["column_2", 2], ["column_3", 3]]);
});

Deno.test("readDelimited() takes as long for many rows below a wide header as below a narrow one", () => {
  const msOf = (header: string): number =>
    Math.min(...Array.from({ length: 5 }, () => {
      const begun = performance.now();
      for (const _ of readDelimited("1\n".repeat(5_000), ",", [header])) { /* its time counts */ }
      return performance.now() - begun;
    }));
  const narrow = msOf(" a");
  const wide = msOf(`${" ".repeat(1_000_000)}a`);
  assert(wide <= 20 * narrow, `${wide} ms, and ${narrow} ms below a narrow header`);
});
