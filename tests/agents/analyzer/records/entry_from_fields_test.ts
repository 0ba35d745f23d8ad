import { assertEquals } from "@std/assert";
import { NAME_CHARS_MAX, RECORD_CHARS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { entryFromFields } from "../../../../agents/analyzer/records/entry_from_fields.ts";

Deno.test("entryFromFields() cuts a long message and leaves out long names", () => {
  const long = "x".repeat(2 * RECORD_CHARS_MAX);
  const name = "n".repeat(NAME_CHARS_MAX);
  const entry = entryFromFields([["message", long], [name, 1], [`${name}n`, 2], ["", 3]], long);
  const cut = long.slice(0, RECORD_CHARS_MAX);
  const expected = { at: null, level: "none", message: cut, raw: cut, values: [] } as const;
  assertEquals(entry, { ...expected, numbers: [[name, 1]] });
});

Deno.test("entryFromFields() takes time, level and message from the first field that has one", () => {
  const entry = entryFromFields([
    ["time", "not yet"],
    ["ts", 1714557600],
    ["timestamp", 0],
    ["level", "loud"],
    ["severity", "warn"],
    ["msg", "first"],
    ["message", "second"],
  ], "raw");
  assertEquals([entry.at, entry.level, entry.message], [1714557600000, "warn", "first"]);
  assertEquals(entry.values, [["time", "not yet"], ["level", "loud"], ["message", "second"]]);
  assertEquals(entry.numbers, [["timestamp", 0]]);
});

Deno.test("entryFromFields() distinguishes numbers, quantities, codes, identifiers and words", () => {
  const { numbers, values } = entryFromFields([
    ["price", " 2.5 "],
    ["took", "3s"],
    ["status", 200],
    ["user_id", 7],
    ["ok", false],
    ["host", " web "],
    ["blank", " "],
    ["long", "x".repeat(81)],
  ], "raw");
  assertEquals(numbers, [["price", 2.5], ["took_ms", 3000]]);
  assertEquals(values, [["status", "200"], ["ok", "false"], ["host", "web"]]);
});
