import { assertEquals } from "@std/assert";
import { maskWord } from "../../../../agents/analyzer/templates/mask_word.ts";

const CASES: [word: string, masked: string][] = [
  ["(10.0.0.1:80),", "(<*>),"],
  ["web-7.example.com", "<*>"],
  ["www.example.com", "www.example.com"],
  ["C:\\temp", "<*>"],
  ["read/write", "read/write"],
  ["bob@example.com", "<*>"],
  ["0a:1b:2c:3d:ff", "<*>"],
  ["deadbeef", "<*>"],
  ["feedback", "feedback"],
  ["abcdef12", "<*>"],
  ["blk_-123", "blk_<*>"],
  ["utf8", "utf8"],
  ["utf16", "utf<*>"],
  ["4x4", "<*>"],
  ["user=root;uid=0", "user=root;uid=<*>"],
  ["[]", "[<*>]"],
  ["...", "..."],
  ["", ""],
];

Deno.test("maskWord() masks what varies within a word", () => {
  for (const [word, masked] of CASES) assertEquals(maskWord(word), masked, word);
});
