import { assertEquals } from "@std/assert";
import { duration } from "../../lib/duration.ts";

Deno.test("duration() has one or two units, and never rounds up to the next", () => {
  const cases: [ms: number, text: string][] = [
    [0, "0 ms"],
    [999.9, "999 ms"],
    [1_000, "1.0 s"],
    [12_345, "12.3 s"],
    [59_999, "59.9 s"],
    [60_000, "1 min 00 s"],
    [245_000, "4 min 05 s"],
    [3_599_999, "59 min 59 s"],
    [3_600_000, "1 h 00 min"],
    [7_800_000, "2 h 10 min"],
    [360_000_000, "100 h 00 min"],
  ];
  for (const [ms, text] of cases) assertEquals(duration(ms), text);
});
