import { assert, assertEquals } from "@std/assert";
import { CollectorHarness } from "./collector_harness.ts";

const harness = new CollectorHarness(new URL("../../inbox", import.meta.url).pathname);

Deno.test("collect() reads the sample inbox", async () => {
  const pages = await harness.pages({ sources: [{ glob: "*" }] });
  assertEquals(pages.map(({ source, format, cut }) => [source, format, cut]), [
    ["events.jsonl", "ndjson", 0],
    ["orders.csv", "csv", 0],
    ["shop-2026-11-01.log", "lines", 0],
    ["shop-2026-11-02.log", "lines", 0],
  ]);
  for (const { text } of pages) {
    for (const [address] of text.matchAll(/\d+\.\d+\.\d+\.\d+/g)) {
      assert(/^(192\.0\.2|198\.51\.100|203\.0\.113)\./.test(address), address);
    }
  }
});
