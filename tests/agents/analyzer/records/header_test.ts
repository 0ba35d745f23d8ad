import { assertEquals } from "@std/assert";
import { readHeader } from "../../../../agents/analyzer/records/header.ts";
import type { Level } from "../../../../agents/shapes.ts";

const LINES: [line: string, level: Level, message: string][] = [
  ["2024-05-01 10:00:00,123 - INFO  [main:Server@42] - listening", "info", "listening"],
  ["2024-05-01T10:00:00Z WARN com.example.Pool: pool is full", "warn", "pool is full"],
  ["24/05/01 10:00:00 ERROR storage.Disk: write failed", "error", "write failed"],
  ["[Wed May 01 10:00:00 2024] [error] [client 10.0.0.1] denied", "error", "denied"],
  ["May  1 10:00:00 web1 sshd[311]: session opened", "none", "session opened"],
  ["05-01 10:00:00.123  170  239 D Window: drawn", "debug", "drawn"],
  [
    "- 1714557600 2024.05.01 R02-M1 2024-05-01-10.00.00.1 R02-M1 SYS NODE FATAL bad page",
    "fatal",
    "bad page",
  ],
  ["I0501 10:00:00.123456 7 main.go:3] started", "info", "7 main.go:3] started"],
  ["[WARN] no time here", "warn", "no time here"],
  [
    '10.0.0.1 - bob [01/May/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 12',
    "none",
    '"GET / HTTP/1.1" 200 12',
  ],
  ["no header at all", "none", "no header at all"],
  ["2024-05-01 10:00:00 the last ERROR was long ago", "none", "the last ERROR was long ago"],
];

Deno.test("readHeader() finds the level and leaves the message", () => {
  for (const [line, level, message] of LINES) {
    const header = readHeader(line);
    assertEquals([line.slice(header.end), header.level], [message, level], line);
  }
});

Deno.test("readHeader() leaves a message if everything looks like a header", () => {
  const line = "2024-05-01 10:00:00 INFO [a] [b]";
  assertEquals(line.slice(readHeader(line).end), "INFO [a] [b]");
});

Deno.test("readHeader() reports whether a record starts", () => {
  assertEquals(readHeader("2024-05-01 10:00:00 hello").found, true);
  assertEquals(readHeader("    at com.example.Main.run").found, false);
});
