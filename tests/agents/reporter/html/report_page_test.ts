import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HTML_BYTES_MAX, renderReportPage } from "../../../../agents/reporter/html/report_page.ts";
import { summarize } from "../../../../agents/reporter/content/summary.ts";
import { analysis, everywhere, model } from "../sample.ts";

/** Elements that HTML never closes. */
const VOID = ["meta", "link", "br", "hr", "img"];

/** The first tag that is wrong or wrongly nested; null if none is. Text must hold no `<` or `>`. */
function unbalanced(page: string): string | null {
  const open: string[] = [];
  const body = page.replace(/<style>.*?<\/style>/s, "").replace("<!DOCTYPE html>", "");
  for (const [tag, end, name, attributes, closed] of body.matchAll(TAG)) {
    if (!/^(\s+[a-zA-Z][\w:-]*="[^"<>]*")*\s*$/.test(attributes)) return tag;
    if (closed || VOID.includes(name)) continue;
    if (!end) open.push(name);
    else if (open.pop() !== name) return tag;
  }
  if (/[<>]/.test(body.replace(TAG, ""))) return "a bracket in text";
  return open.at(-1) ?? null;
}
const TAG = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*?)(\/?)>/g;

Deno.test("renderReportPage() has balanced tags and names stream and run", () => {
  const page = renderReportPage(model({ news: { appeared: ["b"], silent: [], changed: [] } }));
  assertStringIncludes(page, "<title>shop/nginx, run 3</title>");
  assertEquals(unbalanced(page), null);
});

Deno.test("renderReportPage() loads and runs nothing", () => {
  assertEquals(
    /<(script|link|img|iframe|object|form|base)|\sstyle=|\son\w+=|https?:|url\(|@import/i.test(
      renderReportPage(model()),
    ),
    false,
  );
});

Deno.test("renderReportPage() puts what is new before everything else", () => {
  const page = renderReportPage(model({ news: { appeared: ["b"], silent: [], changed: [] } }));
  const news = page.indexOf("1 new template");
  assert(news > 0 && news < page.indexOf("Timeline"));
});

Deno.test("renderReportPage() links the previous report and compares with it", () => {
  const previous = summarize(analysis({ records: 5_000 }), "t6", "");
  const page = renderReportPage({ ...model(), previous });
  assertStringIncludes(page, 'href="../t6/report.html"');
  assertStringIncludes(page, "was 5,000");
  assertEquals(renderReportPage(model()).includes("was "), false);
});

Deno.test("renderReportPage() names every drawing", () => {
  const page = renderReportPage(model());
  const drawings = [...page.matchAll(/<svg\b([^>]*)>\s*(<title>)?/g)];
  assert(drawings.length >= 5);
  for (const [tag, attributes, title] of drawings) {
    assert(attributes.includes("aria-label=") && attributes.includes('role="img"') && title, tag);
  }
});

Deno.test("renderReportPage() shows markup from outside as text", () => {
  const hostile = `"'><script>alert(1)</script><svg/onload=x></title></style><!-- \u202e\x00`;
  const page = renderReportPage({ ...model(), analysis: everywhere(hostile), headline: hostile });
  assertEquals(page.includes("<script"), false);
  assertEquals(page.includes("<!--"), false);
  assertEquals(/[^\P{Cc}\n]|\p{Bidi_Control}/u.test(page), false);
  assertEquals(unbalanced(page), null);
  assertStringIncludes(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
});

Deno.test("renderReportPage() draws fields without a spread, gaps and times out of range", () => {
  const flat = { name: "f", count: 1, min: 7, max: 7, mean: 7, p50: 7, p90: 7, p99: 7 };
  const page = renderReportPage(model({
    fields: [flat, { ...flat, min: -1e308, max: 1e308 }],
    from: -1e308,
    to: 1e308,
    timeline: { step_ms: 1, points: [[-1e308, 1, 0], [1e308, 1, 1]] },
    bursts: [{ at: 5e300, records: 1, usual: 0 }],
    records: 0,
  }));
  assertEquals(/NaN|Infinity|undefined/.test(page), false);
  assertEquals(unbalanced(page), null);
});

Deno.test("renderReportPage() of the largest analysis stays within HTML_BYTES_MAX", () => {
  for (const char of ['"', "\u202e", "漢", "🙂"]) {
    const huge = everywhere(char.repeat(1000), 600);
    const page = renderReportPage({ ...model(), analysis: huge });
    const size = new TextEncoder().encode(page).length;
    assert(size < HTML_BYTES_MAX, `${JSON.stringify(char)}: ${size}`);
  }
});
