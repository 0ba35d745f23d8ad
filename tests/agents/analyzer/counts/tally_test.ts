import { assertEquals } from "@std/assert";
import { Tally } from "../../../../agents/analyzer/counts/tally.ts";
import { Partial } from "../../../../agents/shapes.ts";

function filled(): Tally {
  const tally = new Tally("app");
  tally.records = 3;
  tally.bytes = 90;
  tally.cut = 1;
  tally.addLevel("warn", 1);
  tally.addLevel("fatal", 2);
  tally.timeline.add(1000, 3, 2);
  tally.sources.merge({ name: "app.log", format: "lines", records: 3, bytes: 90 });
  tally.templates.add("took <*>", "warn", 1000, "took 3ms");
  tally.templates.drop(2);
  tally.fields.add("took_ms", 3);
  tally.values.add("host", "web");
  tally.words.add("keeper", 1);
  return tally;
}

Deno.test("Tally.build() has everything that was counted", () => {
  const partial = Partial.parse(filled().build());
  assertEquals(partial.stream, "app");
  assertEquals([partial.records, partial.bytes, partial.cut], [3, 90, 1]);
  assertEquals(Object.entries(partial.levels), [["fatal", 2], ["warn", 1]]);
  assertEquals(partial.timeline?.points, [[1000, 3, 2]]);
  assertEquals(partial.templates.map(({ text, count }) => [text, count]), [["took <*>", 1]]);
  assertEquals(partial.templates_dropped, 2);
  assertEquals(partial.fields.map(({ name, sum }) => [name, sum]), [["took_ms", 3]]);
  assertEquals(partial.values.map(({ top }) => top), [[["web", 1]]]);
  assertEquals(partial.words, [["keeper", 1]]);
});

Deno.test("Tally.merge() adds everything that another tally has built", () => {
  const partial = filled().build();
  const copy = new Tally("app");
  copy.merge(partial);
  assertEquals(copy.build(), partial);
  copy.merge(partial);
  const twice = copy.build();
  assertEquals([twice.records, twice.templates_dropped, twice.words], [6, 4, [["keeper", 2]]]);
  assertEquals(twice.levels, { fatal: 4, warn: 2 });
});
