import { assertEquals } from "@std/assert";
import { describeChanges } from "../../../../agents/reporter/content/describe_changes.ts";
import { analysis, template } from "../sample.ts";

Deno.test("describeChanges() is empty if nothing is new", () => {
  assertEquals(describeChanges(analysis(), 10), []);
});

Deno.test("describeChanges() puts the worst new template first", () => {
  const [group] = describeChanges(
    analysis({
      templates: [
        template("a", "often", { count: 900 }),
        template("b", "bad", { level: "fatal", count: 1 }),
      ],
      news: { appeared: ["a", "b"], silent: [], changed: [] },
    }),
    10,
  );
  assertEquals(group.title, "2 new templates");
  assertEquals(group.items.map(({ subject }) => subject), ["bad", "often"]);
  assertEquals(group.items[0].words, "1 record, <0.1 % of all");
});

Deno.test("describeChanges() describes changes in words, volume first", () => {
  const [group] = describeChanges(
    analysis({
      news: {
        appeared: [],
        silent: [],
        changed: [
          { kind: "value", subject: "latency_ms", text: "", usual: 18, now: 41 },
          { kind: "value", subject: "drift", text: "", usual: -1, now: 2 },
          { kind: "rate", subject: "a", text: "", usual: 0.039, now: 0.12 },
          { kind: "rate", subject: "gone", text: "its text", usual: 0.2, now: 0.07 },
          { kind: "level", subject: "error", text: "", usual: 0, now: 0.034 },
          { kind: "volume", subject: "s", text: "", usual: 100, now: 12_340 },
        ],
      },
    }),
    10,
  );
  assertEquals(group.items.map(({ subject, words }) => [subject, words]), [
    ["records in a run", "123 times the usual volume: 12,340 records instead of 100"],
    ["level error", "share changed: 3.4 % of records instead of 0 %"],
    ["GET <*> 200", "3.1 times the usual rate: 12.0 % of records instead of 3.9 %"],
    ["its text", "0.35 times the usual rate: 7.0 % of records instead of 20.0 %"],
    ["latency_ms", "2.3 times the usual median: 41 instead of 18"],
    ["drift", "median changed: 2 instead of -1"],
  ]);
});

Deno.test("describeChanges() bounds a group and counts the other items", () => {
  const silent = Array.from({ length: 12 }, (_, i) => ({ id: `${i}`, text: `${i}`, usual: 0.1 }));
  const [group] = describeChanges(analysis({ news: { appeared: [], silent, changed: [] } }), 10);
  assertEquals([group.items.length, group.more], [10, 2]);
  assertEquals(group.items[0].words, "about 0.1 records expected, none came");
});
