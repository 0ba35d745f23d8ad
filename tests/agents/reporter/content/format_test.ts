import { assertEquals } from "@std/assert";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFieldNumber,
  formatInstant,
  formatNumber,
  formatPeriod,
  formatShare,
  pluralize,
} from "../../../../agents/reporter/content/format.ts";

Deno.test("formatCount() sets thousands apart", () => {
  assertEquals([0, 999, 1000, 1234567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  assertEquals(formatCount(-1234), "-1,234");
  assertEquals(pluralize(1, "record"), "1 record");
  assertEquals(pluralize(0, "record"), "0 records");
});

Deno.test("formatNumber() keeps four digits of a fraction and writes no -0", () => {
  const formatted = [0, -0, 1.5, 123.456, 12345.678, 0.00123456, 1e-7, 1e200, -3].map(formatNumber);
  const expected = ["0", "0", "1.5", "123.5", "12,346", "0.001235", "1.00e-7", "1.00e+200", "-3"];
  assertEquals(formatted, expected);
});

Deno.test("formatFieldNumber() takes the whole number that a quantile can stand for", () => {
  const field = { name: "f", count: 9, min: 1, max: 6, mean: 3, p50: 2.974, p90: 5.5, p99: 5.99 };
  assertEquals([formatFieldNumber(field, "p50"), formatFieldNumber(field, "p90")], ["3", "5.5"]);
  assertEquals(formatFieldNumber({ ...field, min: 1.5 }, "p50"), "2.974");
});

Deno.test("formatBytes() changes to the next unit before it needs four digits", () => {
  assertEquals([0, 1023, 1024, 12595].map(formatBytes), ["0 B", "1,023 B", "1.0 KiB", "12.3 KiB"]);
  assertEquals(formatBytes(1024 * 1024 - 1), "1.0 MiB");
});

Deno.test("formatShare() writes 0 % for nothing only, and 100 % for all only", () => {
  assertEquals([0, 1, 0.034].map(formatShare), ["0 %", "100 %", "3.4 %"]);
  assertEquals([0.0001, 0.9999].map(formatShare), ["<0.1 %", ">99.9 %"]);
});

Deno.test("formatInstant() accepts every number", () => {
  assertEquals(formatInstant(Date.UTC(2026, 10, 23, 12)), "2026-11-23 12:00:00");
  assertEquals([1e300, -1e300].map(formatInstant), ["out of range", "out of range"]);
});

Deno.test("formatPeriod() writes a common day once", () => {
  const noon = Date.UTC(2026, 10, 23, 12);
  assertEquals(formatPeriod(noon, noon + 1000), "2026-11-23 12:00:00 to 12:00:01 UTC");
  assertEquals(
    formatPeriod(noon, noon + 86_400_000),
    "2026-11-23 12:00:00 to 2026-11-24 12:00:00 UTC",
  );
  assertEquals(formatPeriod(noon, noon), "2026-11-23 12:00:00 UTC");
  assertEquals(formatPeriod(null, null), "no timestamps");
});

Deno.test("formatDuration() uses at most two units", () => {
  const formatted = [5, 1500, 60_000, 5_400_000, 86_400_000 * 2 + 3_600_000].map(formatDuration);
  assertEquals(formatted, ["5 ms", "1.5 s", "1 min", "1 h 30 min", "2 d 1 h"]);
});
