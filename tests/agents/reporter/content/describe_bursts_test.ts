import { assertEquals } from "@std/assert";
import { describeBursts } from "../../../../agents/reporter/content/describe_bursts.ts";
import { START } from "../sample.ts";

Deno.test("describeBursts() joins bursts in consecutive steps", () => {
  const descriptions = describeBursts([
    { at: START, records: 21, usual: 1 },
    { at: START + 60_000, records: 29, usual: 1 },
    { at: START + 300_000, records: 25, usual: 1 },
  ], 60_000);
  assertEquals(descriptions, [
    "burst from 2026-11-23 00:00:00 to 00:02:00 UTC: 50 records, up to 29 records in 1 min, usually 1",
    "burst at 2026-11-23 00:05:00 UTC: 25 records in 1 min, usually 1",
  ]);
});
