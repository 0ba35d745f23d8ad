import { assertEquals } from "@std/assert";
import {
  DEFAULT_YEAR,
  instantOf,
  instantOfNumber,
  stampAt,
} from "../../../../agents/analyzer/records/timestamp.ts";

const FORMS: [text: string, at: number][] = [
  ["2015-07-29T17:41:44.747Z", Date.UTC(2015, 6, 29, 17, 41, 44, 747)],
  ["2015-07-29T17:41:44+02:00", Date.UTC(2015, 6, 29, 15, 41, 44)],
  ["2015-07-29 17:41:44,747", Date.UTC(2015, 6, 29, 17, 41, 44, 747)],
  ["2005-06-03-15.42.50.675872", Date.UTC(2005, 5, 3, 15, 42, 50, 675)],
  ["20171223-22:15:29:606", Date.UTC(2017, 11, 23, 22, 15, 29, 606)],
  ["10/Oct/2000:13:55:36 -0700", Date.UTC(2000, 9, 10, 20, 55, 36)],
  ["17/06/09 20:10:40", Date.UTC(2017, 5, 9, 20, 10, 40)],
  ["31/12/2024 10:00:00", Date.UTC(2024, 11, 31, 10)],
  ["081109 203615", Date.UTC(2008, 10, 9, 20, 36, 15)],
  ["03-17 16:13:38.811", Date.UTC(DEFAULT_YEAR, 2, 17, 16, 13, 38, 811)],
  ["Jun 14 15:16:01", Date.UTC(DEFAULT_YEAR, 5, 14, 15, 16, 1)],
  ["Feb 29 00:00:01", Date.UTC(DEFAULT_YEAR, 1, 29, 0, 0, 1)],
  ["Sun Dec 04 04:47:44 2005", Date.UTC(2005, 11, 4, 4, 47, 44)],
  ["Tue, 10 Oct 2000 13:55:36 GMT", Date.UTC(2000, 9, 10, 13, 55, 36)],
  ["1117838570", 1117838570000],
  ["1117838570123", 1117838570123],
  ["2005.06.03", Date.UTC(2005, 5, 3)],
];

Deno.test("instantOf() reads the common forms of timestamps", () => {
  for (const [text, at] of FORMS) assertEquals(instantOf(text), at, text);
});

Deno.test("instantOf() rejects what only looks like a timestamp", () => {
  for (const text of ["2015-13-29 17:41:44", "9999999999", "10.0.0.1", "999999 999999", "x", ""]) {
    assertEquals(instantOf(text), undefined, text);
  }
});

Deno.test("stampAt() reports the end of the timestamp", () => {
  assertEquals(stampAt("[Sun Dec 04 04:47:44 2005] [error]", 1)?.end, 25);
});

Deno.test("instantOfNumber() distinguishes seconds, milliseconds, microseconds and nanoseconds", () => {
  for (const factor of [1, 1e3, 1e6, 1e9]) {
    assertEquals(instantOfNumber(1_700_000_000 * factor), 1_700_000_000_000);
  }
  assertEquals(instantOfNumber(42), undefined);
});
