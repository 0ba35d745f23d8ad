import { assertEquals } from "@std/assert";
import type { Layout } from "../../../../agents/collector/page/layout.ts";
import { normalizeRecord } from "../../../../agents/collector/page/normalize_record.ts";

function normalized(record: string, layout: Layout, isCut = false, drop = 0): string {
  const bytes = new TextEncoder().encode(record);
  const length = bytes.length - drop;
  const buffer = new Uint8Array(length + 1);
  buffer.set(bytes.subarray(0, length));
  return new TextDecoder("utf-8", { fatal: true })
    .decode(buffer.subarray(0, normalizeRecord(buffer, length, layout, isCut)));
}

Deno.test("normalizeRecord() ends a line with LF, and leaves an unterminated line", () => {
  assertEquals(normalized("a\r\n", "lines"), "a\n");
  assertEquals(normalized("a\rb\n", "csv"), "a\rb\n");
  assertEquals(normalized("a", "lines"), "a");
});

Deno.test("normalizeRecord() ends a cut record after its last whole character", () => {
  assertEquals(normalized("aé", "lines", true), "aé\n");
  for (const [character, bytes] of [["é", 2], ["€", 3], ["😀", 4]] as const) {
    for (let drop = 1; drop < bytes; drop++) {
      assertEquals(normalized(`a${character}`, "lines", true, drop), "a\n", `${character} ${drop}`);
    }
  }
});

Deno.test("normalizeRecord() puts a JSON value on one line and keeps its strings", () => {
  assertEquals(normalized('{ "a b" :\n [1, 2] },\n', "json"), '{"a b":[1,2]}\n');
  assertEquals(normalized('"x \\" y\n",', "json"), '"x \\" y "\n');
  assertEquals(normalized("\n]\n", "json"), "");
});
