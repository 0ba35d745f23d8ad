import { assertEquals, assertMatch } from "@std/assert";
import { logLine, logTo } from "../../lib/log.ts";

const AT = new Date("2030-01-02T03:04:05.678Z");

Deno.test("logLine() returns one JSON object that begins with time, level and event", () => {
  assertEquals(
    logLine(AT, "warn", "agent_lost", { agent: "collector", tries: 3 }),
    '{"at":"2030-01-02T03:04:05.678Z","level":"warn","event":"agent_lost","agent":"collector","tries":3}',
  );
});

Deno.test("logLine() escapes every character that a terminal obeys, and means the same", () => {
  const text = "\x00\x07\x1b[2J\r\n\t\x7f\x85\x9b31m\u200e\u200f\u2028\u2029\u202e\u2066\u2069 ü🙂";
  const line = logLine(AT, "info", "said", { text });
  // deno-lint-ignore no-control-regex -- the characters that must not be there
  assertEquals(line.match(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g), null);
  assertEquals(JSON.parse(line).text, text);
});

Deno.test("logLine() escapes keys too", () => {
  const line = logLine(AT, "info", "said", { "\u202e": 1 });
  assertEquals(line.includes("\u202e"), false);
});

Deno.test("logLine() cuts long values at any depth", () => {
  const long = "x".repeat(10_000);
  const { a, b } = JSON.parse(logLine(AT, "info", "said", { a: long, b: { c: [long] } }));
  assertEquals(a, "x".repeat(512) + "…");
  const longest = "x".repeat(512);
  assertEquals(JSON.parse(logLine(AT, "info", "said", { longest })).longest, longest);
  assertEquals(b.c[0], a);
});

Deno.test("logTo() puts the common fields first and reports what was dropped before", () => {
  const lines: string[] = [];
  let dropped = 0;
  const log = logTo({
    write: (text) => lines.push(text),
    takeDropped: () => dropped,
  }, { role: "reporter" });
  log("info", "one");
  dropped = 7;
  log("error", "two", { more: true });
  assertMatch(lines[0], /^\{.*"event":"one","role":"reporter"\}\n$/);
  assertMatch(lines[1], /^\{.*"event":"two","role":"reporter","more":true,"dropped":7\}\n$/);
});
