import { assertEquals } from "@std/assert";
import { z } from "zod";
import { collector } from "../../../agents/collector/collector.ts";
import type { Json } from "../../../lib/json.ts";
import { openHarness } from "./collector_harness.ts";

Deno.test("collector() repeats a page from its note", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "one\n");
  const { collect, scan } = collector(harness.inbox, () => harness.now).ops;
  let noted: Json = null;
  const context = {
    task: "t1",
    memory: harness.memory,
    signal: new AbortController().signal,
    note: (value: Json) => noted = value,
  };
  assertEquals(
    collect.output.parse(await collect.handle({ sources: [{ file: "a.log" }] }, context)),
    {
      page: {
        stream: "a.log",
        source: "a.log",
        format: "lines",
        first_line: 1,
        text: "one\n",
        bytes: 4,
        cut: 0,
      },
      cursor: null,
    },
  );
  const again = await collect.recall?.({ sources: [{ file: "a.log" }] }, noted, context);
  assertEquals(collect.output.safeParse(again).success, true);
  assertEquals(await scan.handle({}, context), { files: [], more: false, too_deep: [] });
});

Deno.test("collector() has strict inputs that convert to JSON schemas", () => {
  const { ops } = collector("inbox");
  for (const { input, output } of Object.values(ops)) {
    z.toJSONSchema(input, { io: "input" });
    z.toJSONSchema(output, { io: "output" });
  }
  const fits = (body: unknown) => ops.collect.input.safeParse(body).success;
  assertEquals(fits({ sources: [{ file: "a.log" }], only_new: true }), true);
  assertEquals(fits({ sources: [] }), false);
  assertEquals(fits({ sources: [{ file: "a.log", text: "x" }] }), false);
  assertEquals(fits({ sources: [{ file: "a.log" }], cursor: { source: 0, at: {} } }), false);
  assertEquals(fits({ sources: [{ file: "a.log" }], extra: 1 }), false);
});
