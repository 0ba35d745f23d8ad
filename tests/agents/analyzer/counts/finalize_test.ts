import { assertEquals } from "@std/assert";
import { finalize } from "../../../../agents/analyzer/counts/finalize.ts";
import { Tally } from "../../../../agents/analyzer/counts/tally.ts";

function finalized(fill: (tally: Tally) => void, renamed = new Map<string, string>()) {
  const tally = new Tally("app");
  fill(tally);
  return finalize(tally.build(), renamed);
}

Deno.test("finalize() computes means and quantiles within the range of a field", () => {
  const { fields } = finalized((tally) => {
    for (let n = 1; n <= 100; n++) tally.fields.add("ms", n);
  });
  const [{ mean, min, max, p50, p99 }] = fields;
  assertEquals([mean, min, max], [50.5, 1, 100]);
  assertEquals([Math.round(p50), p99 <= 100], [50, true]);
});

Deno.test("finalize() puts fields that vary before constant ones", () => {
  const { fields } = finalized((tally) => {
    for (let n = 0; n < 9; n++) tally.fields.add("constant", 7);
    for (let n = 0; n < 3; n++) tally.fields.add("varying", n);
  });
  assertEquals(fields.map(({ name }) => name), ["varying", "constant"]);
});

Deno.test("finalize() leaves out identifiers and shows ten values of a name", () => {
  const { values } = finalized((tally) => {
    for (let n = 0; n < 60; n++) {
      tally.values.add("id", `v${n}`);
      tally.values.add("host", `h${n % 12}`);
    }
  });
  const listed = values.map(({ name, distinct, top }) => [name, distinct, top.length]);
  assertEquals(listed, [["host", 12, 10]]);
});

Deno.test("finalize() joins templates that get the same text, the most frequent first", () => {
  const { templates } = finalized((tally) => {
    for (const text of ["bye", "bye", "hello ann", "hello bob", "hello ann"]) {
      tally.templates.add(text, "none", null, text);
    }
  }, new Map([["hello ann", "hello <*>"], ["hello bob", "hello <*>"]]));
  assertEquals(templates.map(({ text, count }) => [text, count]), [["hello <*>", 3], ["bye", 2]]);
});

Deno.test("finalize() takes the period from templates, and from steps that no template covers", () => {
  const period = (withTemplate: boolean, last: number) => {
    const { from, to } = finalized((tally) => {
      tally.timeline.add(1500, 1, 0);
      tally.timeline.add(last, 1, 0);
      if (withTemplate) tally.templates.add("t", "none", 1500, "t");
    });
    return [from, to];
  };
  assertEquals(period(true, 1600), [1500, 1500]);
  assertEquals(period(true, 9600), [1500, 9000]);
  assertEquals(period(false, 9600), [1000, 9000]);
  assertEquals(finalized(() => {}).from, null);
});

Deno.test("finalize() has keywords only if most records have neither level nor time", () => {
  const keywords = (prose: number) =>
    finalized((tally) => {
      tally.records = 10;
      tally.addLevel("none", prose);
      tally.addLevel("info", 10 - prose);
      tally.words.add("keeper", 1);
    }).keywords;
  assertEquals(keywords(6), [["keeper", 1]]);
  assertEquals(keywords(5), []);
});
