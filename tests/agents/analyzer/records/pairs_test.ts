import { assertEquals } from "@std/assert";
import { NAME_CHARS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { findPairs } from "../../../../agents/analyzer/records/pairs.ts";

Deno.test("findPairs() finds a number, a quantity or a word after an equals sign", () => {
  const { numbers, values } = findPairs(
    'x=1 (size=2kb,User=root) ip="10.0.0.1" ratio = 0.5 odd=a%b',
  );
  assertEquals(numbers, [["x", 1], ["size_bytes", 2048], ["ratio", 0.5]]);
  assertEquals(values, [["User", "root"], ["ip", "10.0.0.1"]]);
});

Deno.test("findPairs() finds a number after a colon, but no word", () => {
  const { numbers, values } = findPairs("size: 4096, load: 1.5; error: broken");
  assertEquals(numbers, [["size", 4096], ["load", 1.5]]);
  assertEquals(values, []);
});

Deno.test("findPairs() names a quantity by the verb before it", () => {
  assertEquals(findPairs("finished after 35ms").numbers, [["finished_ms", 35]]);
  assertEquals(findPairs("read 2 KB").numbers, [["read_bytes", 2048]]);
  assertEquals(findPairs("read 2 files").numbers, []);
});

Deno.test("findPairs() takes codes as values and ignores identifiers and long names", () => {
  const long = "k".repeat(NAME_CHARS_MAX + 1);
  const { numbers, values } = findPairs(`status=200 pid=7 session_id=9 ${long}=1`);
  assertEquals(numbers, []);
  assertEquals(values, [["status", "200"]]);
});

Deno.test("findPairs() stops at 64 pairs", () => {
  const message = Array.from({ length: 200 }, (_, n) => `k${n}=${n}`).join(" ");
  assertEquals(findPairs(message).numbers.length, 64);
});
