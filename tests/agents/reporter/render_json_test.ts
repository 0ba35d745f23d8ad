import { assertEquals } from "@std/assert";
import { renderJson } from "../../../agents/reporter/render_json.ts";
import { analysis, everywhere } from "./sample.ts";

Deno.test("renderJson() writes JSON that reads back as the same value", () => {
  for (const value of [analysis(), everywhere('"\\\u202e', 40)]) {
    assertEquals(JSON.parse(renderJson(value)), value);
  }
});

Deno.test("renderJson() breaks long values and leaves short ones on their line", () => {
  const long = "x".repeat(100);
  assertEquals(
    renderJson({ a: [1, 2], b: [long] }),
    `{\n  "a": [1,2],\n  "b": [\n    "${long}"\n  ]\n}\n`,
  );
  assertEquals(renderJson([]), "[]\n");
});

Deno.test("renderJson() escapes what a terminal would obey", () => {
  assertEquals(renderJson(["\u202e\x9b\x1b"]), '["\\u202e\\u009b\\u001b"]\n');
});
