import { assertEquals } from "@std/assert";
import { renderJson } from "../../../agents/reporter/render_json.ts";
import { analysis, everywhere } from "./sample.ts";

Deno.test("renderJson() gives back what it was given", () => {
  for (const value of [analysis(), everywhere('"\\\u202e', 40)]) {
    assertEquals(JSON.parse(renderJson(value)), value);
  }
});

Deno.test("renderJson() breaks long things and leaves short ones on their line", () => {
  const long = "x".repeat(100);
  assertEquals(
    renderJson({ a: [1, 2], b: [long] }),
    `{\n  "a": [1,2],\n  "b": [\n    "${long}"\n  ]\n}\n`,
  );
  assertEquals(renderJson([]), "[]\n");
});
