import { assertEquals } from "@std/assert";
import { firstTime, laterTimeEnd } from "../../../../agents/analyzer/records/header_time.ts";

function restAfterFirstTime(line: string): string | undefined {
  const time = firstTime(line, 0);
  return time && line.slice(time.end);
}

Deno.test("firstTime() ends after the brackets and the comma around a time", () => {
  assertEquals(restAfterFirstTime("[2024-05-01 10:00:00] up"), " up");
  assertEquals(restAfterFirstTime("2024-05-01 10:00:00, up"), " up");
});

Deno.test("firstTime() passes over columns, and over no plain word but a user's name", () => {
  assertEquals(restAfterFirstTime("web-1 - 2024-05-01 10:00:00 up"), " up");
  assertEquals(restAfterFirstTime("started at 2024-05-01 10:00:00 up"), undefined);
  assertEquals(restAfterFirstTime("- bob [2024-05-01 10:00:00] up"), " up");
});

Deno.test("laterTimeEnd() finds a time after at most two columns", () => {
  assertEquals(laterTimeEnd("R02 M1 10:00:00 up", 0), "R02 M1 10:00:00".length);
  assertEquals(laterTimeEnd("R02 M1 N3 10:00:00 up", 0), undefined);
  assertEquals(laterTimeEnd("K1= 10:00:00 up", 0), undefined, "a key is no column");
});
