import { assertEquals } from "@std/assert";
import { prettyJson } from "../../../agents/reporter/pretty_json.ts";
import { analysis, everywhere } from "./sample.ts";

Deno.test("prettyJson() gives back what it was given", () => {
  for (const value of [analysis(), everywhere('"\\\u202e', 40)]) {
    assertEquals(JSON.parse(prettyJson(value)), value);
  }
});

Deno.test("prettyJson() breaks long things and leaves short ones on their line", () => {
  const long = "x".repeat(100);
  assertEquals(
    prettyJson({ a: [1, 2], b: [long] }),
    `{\n  "a": [1,2],\n  "b": [\n    "${long}"\n  ]\n}`,
  );
  assertEquals(prettyJson([]), "[]");
});
