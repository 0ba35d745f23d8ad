import { assert, assertEquals } from "@std/assert";
import { readDelimited } from "../../../../agents/analyzer/records/delimited.ts";
import { quickestMs } from "../quickest_ms.ts";

function values(text: string, separator: "," | "\t", columns = ["a", "b", "c"]) {
  return [...readDelimited(text, separator, columns)].map((entry) =>
    entry.values.map(([name, value]) => `${name}=${value}`)
  );
}

Deno.test("readDelimited() names columns by the header, and by their place if it has no name", () => {
  const [{ numbers }] = readDelimited("1,2,3\n", ",", [" a ", " "]);
  assertEquals(numbers, [["a", 1], ["column_2", 2], ["column_3", 3]]);
});

Deno.test("readDelimited() reads quotes, separators and line ends in quoted fields", () => {
  assertEquals(values('"x, ""y""",z\r\n"two\nlines"junk,w', ","), [
    ['a=x, "y"', "b=z"],
    ["a=two\nlines", "b=w"],
  ]);
  assertEquals(values('x,"open\ny,z\n', ","), [["a=x", "b=open\ny,z"]]);
});

Deno.test("readDelimited() takes quotes and commas in TSV as they are", () => {
  assertEquals(values('"x,\ty"\n', "\t"), [['a="x,', 'b=y"']]);
});

Deno.test("readDelimited() skips blank lines and reads rows of unequal length", () => {
  assertEquals(values("x\n\r\n\ny,z", ","), [["a=x"], ["a=y", "b=z"]]);
});

Deno.test("readDelimited() takes as long for many rows below a wide header as below a narrow one", () => {
  const read = (header: string) => () => {
    for (const _ of readDelimited("1\n".repeat(5_000), ",", [header])) {
      /* only its time counts */
    }
  };
  const [narrow, wide] = quickestMs(5, read(" a"), read(`${" ".repeat(1_000_000)}a`));
  assert(wide <= 20 * narrow, `${wide} ms, and ${narrow} ms below a narrow header`);
});
