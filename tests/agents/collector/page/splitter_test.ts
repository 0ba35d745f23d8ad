import { assertEquals } from "@std/assert";
import type { Layout } from "../../../../agents/collector/page/layout.ts";
import { RECORD_BYTES_MAX, splitterOf } from "../../../../agents/collector/page/splitter.ts";

/** Splits a text that comes in blocks of `size` bytes into its records. */
function split(text: string, layout: Layout, size: number): string[] {
  const splitter = splitterOf(layout);
  const records: string[] = [];
  let record = "";
  for (let offset = 0; offset < text.length; offset += size) {
    const part = text.slice(offset, offset + size);
    const block = new TextEncoder().encode(part);
    for (let from = 0; from < block.length;) {
      const end = splitter.next(block, from);
      record += part.slice(from, end < 0 ? block.length : end);
      if (end < 0) break;
      records.push(record);
      record = "";
      from = end;
    }
  }
  return record === "" ? records : [...records, record];
}

const cases: [layout: Layout, records: string[]][] = [
  ["lines", ["a\n", "\n", '"b\n', "c"]],
  ["csv", ['1,"a\nb"\n', '"x ""y""\n",2\n', '3,5" pipe\n', "4"]],
  ["tsv", ['1\t"a\nb"\n', "2\t,\n"]],
  ["json", ['{"a":"}\\"{"},\n[', "{}, ", '"x" ', "12,", "null]"]],
];

Deno.test("splitterOf() splits each layout into its records, wherever blocks end", () => {
  for (const [layout, records] of cases) {
    const text = records.join("");
    for (let size = 1; size <= text.length; size++) {
      assertEquals(split(text, layout, size), records, `${layout} in blocks of ${size}`);
    }
  }
});

Deno.test("splitterOf() ends a row with an unclosed quote at the first line feed over the limit", () => {
  const row = `"${"x".repeat(RECORD_BYTES_MAX)}\n`;
  assertEquals(split(`${row}1,2\n`, "csv", row.length), [row, "1,2\n"]);
});
