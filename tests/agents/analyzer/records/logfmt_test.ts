import { assertEquals } from "@std/assert";
import { readLogfmt } from "../../../../agents/analyzer/records/logfmt.ts";

Deno.test("readLogfmt() reads quoted and bare values", () => {
  const entry = readLogfmt('level=warn msg="disk \\"a\\" is \\\\ full" took=2s host=web n=4');
  assertEquals(entry?.level, "warn");
  assertEquals(entry?.message, 'disk "a" is \\ full');
  assertEquals(entry?.numbers, [["took_ms", 2000], ["n", 4]]);
  assertEquals(entry?.values, [["host", "web"]]);
});

Deno.test("readLogfmt() reads nothing from a line without a message or with anything but pairs", () => {
  for (const line of ["a=1 b=2", "msg=x and more", "found msg=x", 'msg="open', "msg", ""]) {
    assertEquals(readLogfmt(line), undefined, line);
  }
});
