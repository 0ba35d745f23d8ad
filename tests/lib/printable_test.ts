import { assertEquals } from "@std/assert";
import { printable, printableJson, printableLines } from "../../lib/printable.ts";

Deno.test("printable() leaves text in any script as it is", () => {
  for (
    const text of [
      "",
      "plain",
      "日本語 ÄÖ 🙂",
      "می\u200cخواهم 👩\u200d🚀",
      "❤\ufe0f 葛\u{e0100} ᠠ\u180b",
      "한글 e\u0301",
      "a\\nb",
      "<b>&amp;|`",
    ]
  ) {
    assertEquals(printable(text), text);
  }
});

Deno.test("printable() escapes characters that can't be seen", () => {
  assertEquals(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  assertEquals(printable("\x1b[2J\x00\x7f\x85\x9b"), "\\u001b[2J\\u0000\\u007f\\u0085\\u009b");
  assertEquals(printable("\u061c\u200e\u200f"), "\\u061c\\u200e\\u200f");
  for (let code = 0x2028; code <= 0x202e; code++) {
    assertEquals(printable(String.fromCharCode(code)), `\\u${code.toString(16)}`);
  }
  for (let code = 0x2066; code <= 0x2069; code++) {
    assertEquals(printable(String.fromCharCode(code)), `\\u${code.toString(16)}`);
  }
  assertEquals(printable("\ud800x"), "\\ud800x");
  // Letters and marks that are drawn as nothing.
  assertEquals(printable("\u3164\uffa0\u115f\u1160"), "\\u3164\\uffa0\\u115f\\u1160");
  assertEquals(printable("a\u034fb\u17b4\u{e0fff}"), "a\\u034fb\\u17b4\\udb43\\udfff");
  assertEquals(printable("\u{e0041}\u200b\ufeff"), "\\udb40\\udc41\\u200b\\ufeff");
});

Deno.test("printable() does not change its own result", () => {
  const once = printable("a\u202eb\n🙂\ud800");
  assertEquals(printable(once), once);
});

Deno.test("printable() never returns more than `max` UTF-16 units, and cuts between characters", () => {
  assertEquals(printable("abcd", 4), "abcd");
  assertEquals(printable("abcde", 4), "abc…");
  assertEquals(printable("ab🙂cd", 4), "ab…");
  assertEquals(printable("ab\u202ecd", 7), "ab…");
  assertEquals(printable("x".repeat(1000)).length, 400);
  for (let max = 1; max < 20; max++) {
    assertEquals(printable("a🙂\u202e🙂b\nc🙂\u202e", max).length <= max, true);
  }
});

Deno.test("printableLines() keeps line feeds, and escapes all else that a terminal obeys", () => {
  assertEquals(printableLines("a\nb\r\n\tc\x1b\u202e"), "a\nb\\r\n\\tc\\u001b\\u202e");
});

Deno.test("printableJson() means the same, and escapes all that a terminal obeys", () => {
  const value = { "a\u202e": ["\x9b\n\x7f", "\u{e0041}\ud800"] };
  const text = printableJson(value);
  assertEquals(text, '{"a\\u202e":["\\u009b\\n\\u007f","\\udb40\\udc41\\ud800"]}');
  assertEquals(JSON.parse(text), value);
});
