import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Summary } from "../../../../agents/reporter/content/summary.ts";
import { renderIndexPage } from "../../../../agents/reporter/html/index_page.ts";
import { START } from "../sample.ts";

function summaryOf(task: string, changes: Partial<Summary> = {}): Summary {
  return {
    task,
    stream: "app",
    run: 2,
    headline: "errors 5 %",
    records: 1000,
    bytes: 9,
    errors: 50,
    templates: 4,
    to: START,
    ...changes,
  };
}

function links(page: string): string[] {
  return [...page.matchAll(/<td class="text"><a href="([^"]*)"/g)].map(([, to]) => to);
}

Deno.test("renderIndexPage() links the latest report of each stream, then all reports", () => {
  const page = renderIndexPage(
    [summaryOf("t3"), summaryOf("t2", { stream: "b" }), summaryOf("t1")],
    0,
  );
  assertStringIncludes(page, "3 reports on 2 streams, newest first");
  assertEquals(links(page), ["t3", "t2", "t3", "t2", "t1"].map((task) => `${task}/report.html`));
});

Deno.test("renderIndexPage() shows records, the share of errors and the end of the data", () => {
  const page = renderIndexPage([summaryOf("t1")], 0);
  assertStringIncludes(page, '<td class="n">1,000</td>\n<td class="n">5.0 %</td>');
  assertStringIncludes(page, "2026-11-23 00:00:00");
  const bare = renderIndexPage([summaryOf("t1", { errors: null, to: null })], 0);
  assertStringIncludes(bare, '<td class="n">1,000</td>\n<td class="n"></td>');
});

Deno.test("renderIndexPage() draws at most twenty runs of a stream, oldest first", () => {
  const reports = Array.from(
    { length: 25 },
    (_, n) => summaryOf(`t${25 - n}`, { records: 25 - n }),
  );
  const page = renderIndexPage(reports, 0);
  const heights = [...page.matchAll(/<rect class="rec"[^>]*height="(\d+)"/g)].map(([, h]) => +h);
  assertEquals(heights.length, 20);
  assertEquals([heights[0], heights.at(-1)], [5, 22]);
});

Deno.test("renderIndexPage() bounds its streams and counts the others", () => {
  const reports = Array.from({ length: 52 }, (_, n) => summaryOf(`t${n}`, { stream: `s${n}` }));
  const page = renderIndexPage(reports, 0);
  assertStringIncludes(page, "and 2 more streams");
  assertEquals(links(page).length, 50 + 52);
});

Deno.test("renderIndexPage() says how many reports are unreadable", () => {
  assertStringIncludes(renderIndexPage([], 4), "4 reports left out: unreadable in memory");
  assertEquals(renderIndexPage([], 0).includes("left out"), false);
});

Deno.test("renderIndexPage() escapes names and headlines", () => {
  const hostile = summaryOf("t1", { stream: "<b>\u202e", headline: "<i>" });
  const page = renderIndexPage([hostile], 0);
  assertEquals(/<b>|<i>|\u202e/.test(page), false);
  assertStringIncludes(page, "&lt;b&gt;\\u202e");
});
