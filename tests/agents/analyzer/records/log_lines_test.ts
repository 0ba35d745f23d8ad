import { assertEquals } from "@std/assert";
import { EXAMPLE_CHARS_MAX, RECORD_CHARS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { readLogLines } from "../../../../agents/analyzer/records/log_lines.ts";

function read(...lines: string[]) {
  return [...readLogLines(lines.join("\n"))];
}

Deno.test("readLogLines() adds a stack trace to the record before it", () => {
  const records = read(
    "2024-05-01 10:00:00 ERROR request failed",
    "java.lang.IllegalStateException: no",
    "\tat com.example.Main.run(Main.java:12)",
    "Caused by: java.io.IOException: closed",
    "\t... 3 more",
    "2024-05-01 10:00:01 INFO request done",
    "   indented detail",
  );
  assertEquals(records.map(({ message }) => message), ["request failed", "request done"]);
  assertEquals(records[1].raw, "2024-05-01 10:00:01 INFO request done\n   indented detail");
});

Deno.test("readLogLines() continues no record that has no header", () => {
  assertEquals(read("first line", "  second line", "", "third").length, 3);
});

Deno.test("readLogLines() reads line ends of either kind and an unterminated last line", () => {
  const records = read("one two\r", "three\r", "", "four");
  assertEquals(records.map(({ raw }) => raw), ["one two", "three", "four"]);
});

Deno.test("readLogLines() takes a level from a message's leading word", () => {
  const levels = read("[error] disk is full", "warn: nearly full", "all is well").map((entry) =>
    entry.level
  );
  assertEquals(levels, ["error", "warn", "none"]);
});

Deno.test("readLogLines() takes a header's time and level before those of logfmt", () => {
  const [entry] = read('2024-05-01 10:00:00 WARN level=info time=1970-01-01 msg="all is well"');
  assertEquals(entry.at, Date.UTC(2024, 4, 1, 10));
  assertEquals([entry.level, entry.message], ["warn", "all is well"]);
});

Deno.test("readLogLines() bounds a record and what continues it", () => {
  const detail = `  ${"d".repeat(EXAMPLE_CHARS_MAX)}`;
  const [{ message, raw }] = read(
    `ERROR ${"x".repeat(2 * RECORD_CHARS_MAX)}`,
    ...Array<string>(50).fill(detail),
  );
  assertEquals(message?.length, RECORD_CHARS_MAX - "ERROR ".length);
  assertEquals(raw.length, RECORD_CHARS_MAX + 1 + detail.length);
});
