import { assertEquals } from "@std/assert";
import { clipText } from "../../../../agents/analyzer/records/clip_text.ts";

Deno.test("clipText() replaces control characters and lone surrogates", () => {
  assertEquals(clipText("a\u0007b\tc\nd\u0000\u009b", 99), "a b\tc\nd  ");
  assertEquals(clipText("half \ud800", 99), "half \ufffd");
});

Deno.test("clipText() cuts, even within a pair of surrogates", () => {
  assertEquals(clipText("abc", 2), "ab");
  assertEquals(clipText("a🙂", 2), "a\ufffd");
});
