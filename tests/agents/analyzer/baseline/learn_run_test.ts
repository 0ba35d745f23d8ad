import { assertEquals } from "@std/assert";
import { type Baseline, EMPTY_BASELINE } from "../../../../agents/analyzer/baseline/baseline.ts";
import {
  BASELINE_FIELDS_MAX,
  BASELINE_TEMPLATES_MAX,
  learnRun,
} from "../../../../agents/analyzer/baseline/learn_run.ts";
import { type Run, runOf } from "./run_of.ts";

function learn(...runs: Run[]): Baseline {
  return runs.reduce(
    (baseline, { findings, fields }) => learnRun(baseline, findings, fields),
    EMPTY_BASELINE,
  );
}

Deno.test("learnRun() learns records, shares and presence", () => {
  const { runs, records, templates } = learn(
    runOf({ served: 9, failed: 1 }),
    runOf({ served: 20 }),
  );
  assertEquals([runs, records.mean], [2, 15]);
  assertEquals(templates.map(({ text, seen, last }) => [text, seen, last]), [
    ["served", 2, 2],
    ["failed", 1, 1],
  ]);
  const [, failed] = templates;
  assertEquals([failed.share.mean, failed.presence.mean], [0.05, 0.5]);
});

Deno.test("learnRun() counts earlier runs as zeros for a new template or level", () => {
  const { levels, templates } = learn(
    runOf({ served: 10 }),
    runOf({ failed: 10 }, {}, "error"),
  );
  assertEquals(levels.map(([level, { n, mean }]) => [level, n, mean]), [
    ["error", 2, 0.5],
    ["info", 2, 0.5],
  ]);
  const failed = templates.find(({ text }) => text === "failed");
  assertEquals([failed?.share.n, failed?.share.mean], [2, 0.5]);
});

Deno.test("learnRun() learns a field only in the runs that have it", () => {
  const { fields } = learn(runOf({}, { ms: [0, 0, 0] }), runOf({}), runOf({}, { ms: [0] }));
  assertEquals(fields.map(({ name, last, median }) => [name, last, median.n]), [["ms", 3, 2]]);
});

Deno.test("learnRun() drops the templates and fields unseen for longest", () => {
  const many = (prefix: string, length: number) =>
    Object.fromEntries(Array.from({ length }, (_, n) => [`${prefix}${n}`, 1]));
  const runs = ["a", "b", "c", "d", "e"].map((prefix) => runOf(many(prefix, 500)));
  const { templates } = learn(...runs);
  assertEquals(templates.length, BASELINE_TEMPLATES_MAX);
  assertEquals(Math.min(...templates.map(({ last }) => last)), 2);

  const numbers = (prefix: string) =>
    Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`${prefix}${n}`, [1]]));
  const { fields } = learn(...["a", "b", "c"].map((prefix) => runOf({}, numbers(prefix))));
  assertEquals(fields.length, BASELINE_FIELDS_MAX);
  assertEquals(fields.filter(({ last }) => last === 1).length, BASELINE_FIELDS_MAX - 180);
});
