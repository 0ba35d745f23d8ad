import { assertEquals } from "@std/assert";
import {
  SOURCES_BYTES_MAX,
  SOURCES_MAX,
  SOURCES_REST,
} from "../../../../agents/analyzer/bounds.ts";
import { SourceTally } from "../../../../agents/analyzer/counts/source_tally.ts";
import type { SourceCount } from "../../../../agents/shapes.ts";

function tallyOf(sources: SourceCount[]): SourceTally {
  const tally = new SourceTally();
  for (const source of sources) tally.merge(source);
  return tally;
}

function source(name: string, format: SourceCount["format"] = "lines"): SourceCount {
  return { name, format, records: 1, bytes: 2 };
}

Deno.test("SourceTally adds up what has the same name and format", () => {
  const tally = tallyOf([source("b"), source("a", "csv"), source("b"), source("a")]);
  assertEquals(tally.build(), [
    source("a", "csv"),
    source("a"),
    { name: "b", format: "lines", records: 2, bytes: 4 },
  ]);
});

Deno.test("SourceTally.build() sums up sources over the count, by format, and loses none", () => {
  const sources = Array.from({ length: SOURCES_MAX + 5 }, (_, n) => source(`s${n + 100}`));
  const built = tallyOf([...sources, source("z", "tsv")]).build();
  assertEquals(built.length, SOURCES_MAX + 2);
  assertEquals(built.slice(-2), [
    { name: SOURCES_REST, format: "lines", records: 5, bytes: 10 },
    { name: SOURCES_REST, format: "tsv", records: 1, bytes: 2 },
  ]);
});

Deno.test("SourceTally.build() sums up sources over the bytes, and what was summed up before", () => {
  const long = "\u0001".repeat(200); // 1,200 bytes as JSON
  const sources = Array.from({ length: 40 }, (_, n) => source(`${long}${n}`));
  const built = tallyOf([...tallyOf(sources).build(), ...tallyOf(sources).build()]).build();
  assertEquals(new TextEncoder().encode(JSON.stringify(built)).length < SOURCES_BYTES_MAX, true);
  assertEquals(built.filter(({ name }) => name === SOURCES_REST).length, 1);
  assertEquals(built.reduce((sum, { records }) => sum + records, 0), 80);
});
