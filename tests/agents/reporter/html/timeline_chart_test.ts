import { assertEquals, assertStringIncludes } from "@std/assert";
import { timelineChart } from "../../../../agents/reporter/html/timeline_chart.ts";
import { START } from "../sample.ts";

const TIMELINE = {
  step_ms: 60_000,
  points: [[START, 100, 25], [START + 60_000, 0, 0], [START + 180_000, 1, 0]] as [
    number,
    number,
    number,
  ][],
};

function heights(text: string, kind: string): number[] {
  return [...text.matchAll(new RegExp(`<rect class="${kind}" x=[^>]*height="([\\d.]+)"`, "g"))]
    .map(([, height]) => Number(height));
}

Deno.test("timelineChart() draws a bar for each bin, and errors at its foot", () => {
  const { text } = timelineChart(TIMELINE, []);
  assertEquals(text.match(/<g>/g)?.length, 4);
  assertEquals(heights(text, "rec"), [150, 1.5]);
  assertEquals(heights(text, "err"), [37.5]);
  assertStringIncludes(text, "2026-11-23 00:00:00 UTC, 1 min: 100 records, 25 errors");
});

Deno.test("timelineChart() shows a small count as one pixel", () => {
  const { text } = timelineChart({ ...TIMELINE, points: [[START, 1_000_000, 1]] }, []);
  assertEquals(heights(text, "err"), [1]);
});

Deno.test("timelineChart() marks bursts, and explains the mark only then", () => {
  const without = timelineChart(TIMELINE, []).text;
  assertEquals(/<circle|burst/.test(without), false);
  const burst = { at: START + 180_000, records: 1, usual: 0 };
  const { text } = timelineChart(TIMELINE, [burst]);
  assertEquals(text.match(/<circle class="burst" cx="87.5%"/g)?.length, 1);
  assertStringIncludes(text, "1 record, 0 errors, burst");
});

Deno.test("timelineChart() labels the axis with half and full counts", () => {
  const axis = (highest: number) =>
    /<div class="y">.*?<\/div>/.exec(
      timelineChart({ ...TIMELINE, points: [[START, highest, 0]] }, []).text,
    )![0];
  assertEquals(
    axis(3000),
    '<div class="y"><span>3,000</span><span>1,500</span><span>0</span></div>',
  );
  assertEquals(axis(1), '<div class="y"><span>1</span><span></span><span>0</span></div>');
});
