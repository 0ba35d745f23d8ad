import { assertEquals } from "@std/assert";
import { type Baseline, EMPTY_BASELINE } from "../../../../agents/analyzer/baseline/baseline.ts";
import { compareWithBaseline } from "../../../../agents/analyzer/baseline/compare_with_baseline.ts";
import { learnRun } from "../../../../agents/analyzer/baseline/learn_run.ts";
import type { Analysis, Template } from "../../../../agents/shapes.ts";
import { type Run, runOf } from "./run_of.ts";

const NO_NEWS = { appeared: [], silent: [], changed: [] };
const USUAL = { "request served": 80, "cache refreshed": 20, "user logged in": 10 };

/** The news of a run after others. The id of a template is its text. */
function newsAfter(earlier: Run[], run: Run): Analysis["news"] {
  const baseline = earlier.reduce(
    (baseline: Baseline, { findings, fields }) => learnRun(baseline, findings, fields),
    EMPTY_BASELINE,
  );
  const known = new Set(baseline.templates.map(({ text }) => text));
  const templates = run.findings.templates.map((template): Template => ({
    ...template,
    id: template.text,
    status: baseline.runs === 0 || known.has(template.text) ? "known" : "new",
  }));
  return compareWithBaseline(baseline, run.findings, templates, run.fields);
}

function times(count: number, run: Run): Run[] {
  return Array<Run>(count).fill(run);
}

Deno.test("compareWithBaseline() has no news of a first run, nor of an equal run", () => {
  const run = runOf(USUAL, { ms: Array(40).fill(7) });
  assertEquals(newsAfter([], run), NO_NEWS);
  for (const earlier of [1, 5, 20]) assertEquals(newsAfter(times(earlier, run), run), NO_NEWS);
});

Deno.test("compareWithBaseline() reports a new template, even of one record", () => {
  const news = newsAfter([runOf(USUAL)], runOf({ ...USUAL, "disk is on fire": 1 }));
  assertEquals(news, { ...NO_NEWS, appeared: ["disk is on fire"] });
});

Deno.test("compareWithBaseline() reports a usual template that is absent, unless templates were dropped", () => {
  const { "cache refreshed": _, ...rest } = USUAL;
  const run = runOf(rest);
  const { silent } = newsAfter([runOf(USUAL)], run);
  assertEquals(silent.map(({ text, usual }) => [text, usual]), [["cache refreshed", 16.3636]]);
  const dropped = { ...run, findings: { ...run.findings, templates_dropped: 1 } };
  assertEquals(newsAfter([runOf(USUAL)], dropped).silent, []);
});

Deno.test("compareWithBaseline() misses a rare template only if nearly every run had it", () => {
  const nightly = runOf({ ...USUAL, "backup finished": 1 });
  const silent = (earlier: Run[]) =>
    newsAfter(earlier, runOf(USUAL)).silent.map(({ text }) => text);
  assertEquals(silent(times(2, nightly)), []);
  assertEquals(silent(times(3, nightly)), ["backup finished"]);
  assertEquals(silent([...times(3, nightly), runOf(USUAL)]), []);
});

Deno.test("compareWithBaseline() reports a rate that doubled, and by ten records", () => {
  const changed = (cache: number, retries: number) => {
    const run = runOf({ ...USUAL, "cache refreshed": cache, "retry sent": retries });
    return newsAfter([runOf({ ...USUAL, "retry sent": 1 })], run).changed;
  };
  assertEquals(changed(30, 2), []);
  assertEquals(changed(100, 2).map(({ kind, text, usual }) => [kind, text, usual]), [
    ["rate", "cache refreshed", 0.18018],
  ]);
  assertEquals(changed(20, 9), [], "nine times, but by eight records");
});

Deno.test("compareWithBaseline() allows a rate that varied before", () => {
  const [few, many] = [runOf(USUAL), runOf({ ...USUAL, "cache refreshed": 300 })];
  const changed = (earlier: Run[]) =>
    newsAfter(earlier, many).changed.some(({ text }) => text === "cache refreshed");
  assertEquals(changed([few, few, few, few]), true);
  assertEquals(changed([few, few, few, many]), false);
});

Deno.test("compareWithBaseline() reports a level whose share changed", () => {
  const withErrors = (count: number): Run => {
    const run = runOf({ ...USUAL, "write failed": count });
    return { ...run, findings: { ...run.findings, levels: { error: count, info: 110 } } };
  };
  const levels = (count: number) =>
    newsAfter([withErrors(2)], withErrors(count)).changed.filter(({ kind }) => kind === "level")
      .map(({ subject }) => subject);
  assertEquals(levels(3), []);
  assertEquals(levels(60), ["error"]);
});

Deno.test("compareWithBaseline() reports a median that moved by more than the field's spread", () => {
  const moved = (usual: number[], now: number[]) =>
    newsAfter([runOf({}, { ms: usual })], runOf({}, { ms: now })).changed.map(({ subject }) =>
      subject
    );
  const narrow = Array.from({ length: 40 }, (_, n) => 100 + n % 5);
  const wide = Array.from({ length: 40 }, (_, n) => 10 + 25 * n);
  assertEquals(moved(narrow, narrow.map((ms) => ms + 40)), [], "less than half");
  assertEquals(moved(narrow, narrow.map((ms) => ms + 80)), ["ms"]);
  assertEquals(moved(narrow, narrow.slice(0, 19).map((ms) => ms + 80)), [], "too few numbers");
  assertEquals(moved(wide, wide.map((ms) => ms + 400)), [], "within the spread");
});

Deno.test("compareWithBaseline() reports a volume from the fourth run on", () => {
  const tenfold = runOf({ "request served": 800, "cache refreshed": 200, "user logged in": 100 });
  assertEquals(newsAfter(times(2, runOf(USUAL)), tenfold), NO_NEWS);
  assertEquals(newsAfter(times(3, runOf(USUAL)), tenfold).changed, [
    { kind: "volume", subject: "app", text: "app", usual: 110, now: 1100 },
  ]);
  const double = runOf({ "request served": 160, "cache refreshed": 40, "user logged in": 20 });
  assertEquals(newsAfter(times(3, runOf(USUAL)), double), NO_NEWS);
});
