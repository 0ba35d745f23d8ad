import { assertEquals } from "@std/assert";
import { NAME_CHARS_MAX, RECORD_CHARS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { entryFromFields } from "../../../../agents/analyzer/records/entry_from_fields.ts";

Deno.test("entryFromFields() looks at no more of a record than its bounds", () => {
  const long = "x".repeat(2 * RECORD_CHARS_MAX);
  const name = "n".repeat(NAME_CHARS_MAX);
  const entry = entryFromFields([["message", long], [name, 1], [`${name}n`, 2], ["", 3]], long);
  const cut = long.slice(0, RECORD_CHARS_MAX);
  const expected = { at: null, level: "none", message: cut, raw: cut, values: [] } as const;
  assertEquals(entry, { ...expected, numbers: [[name, 1]] });
});
