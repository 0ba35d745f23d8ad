import { assertEquals } from "@std/assert";
import {
  bracketEnd,
  skipColumns,
  skipTag,
} from "../../../../agents/analyzer/records/header_columns.ts";

function rest(text: string, end: number): string {
  return text.slice(end).trimStart();
}

Deno.test("skipColumns() leaves the message", () => {
  for (
    const [text, message] of [
      ["[main] com.example.Pool: full", "full"],
      ["- 42 [worker (3)] --- done", "done"],
      ["42 files were read", "42 files were read"],
      ["Pool: full", "Pool: full"],
    ]
  ) assertEquals(rest(text, skipColumns(text, 0, false)), message, text);
});

Deno.test("skipColumns() takes a plain tag for a column in logcat only", () => {
  const text = "Window: drawn";
  assertEquals(rest(text, skipColumns(text, 0, true)), "drawn");
  assertEquals(rest(text, skipColumns(text, 0, false)), text);
});

Deno.test("skipTag() skips a host and a tag, and nothing without a tag", () => {
  for (
    const [text, message] of [
      ["web1 sshd(pam_unix)[311]: opened", "opened"],
      ["kernel: ready", "ready"],
      ["cron - started", "started"],
      ["web1 plain words: here", "web1 plain words: here"],
      ["size=4: here", "size=4: here"],
    ]
  ) assertEquals(rest(text, skipTag(text, 0)), message, text);
});

Deno.test("bracketEnd() finds the matching bracket if it is near", () => {
  assertEquals(bracketEnd("[a [b] c] d", 0), "[a [b] c]".length);
  assertEquals(bracketEnd("(a] b", 0), undefined);
  assertEquals(bracketEnd(`[${"a".repeat(200)}]`, 0), undefined);
});
