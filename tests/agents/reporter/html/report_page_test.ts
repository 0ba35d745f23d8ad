import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HTML_BYTES_MAX, renderReportPage } from "../../../../agents/reporter/html/report_page.ts";
import { everywhere, model } from "../sample.ts";

/** Elements that HTML never closes. */
const VOID = ["meta", "link", "br", "hr", "img"];

/** Says what is wrong with the nesting of tags, or null; `>` must be escaped in text and attributes. */
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

Deno.test("renderReportPage() is a whole page with balanced tags", () => {
  const page = renderReportPage(model({ news: { appeared: ["b"], silent: [], changed: [] } }));
  assert(page.startsWith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'));
  assertStringIncludes(page, '<meta name="viewport"');
  assertStringIncludes(page, "<title>shop/nginx, run 3</title>");
  assertEquals(unbalanced(page), null);
});

Deno.test("renderReportPage() allows itself nothing but its own style", async () => {
  const page = renderReportPage(model());
  const style = page.match(/<style>(.*?)<\/style>/s)![1];
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  const digest = btoa(String.fromCharCode(...new Uint8Array(hash)));
  const policy = page.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]
    .replaceAll("&#39;", "'");
  assertEquals(policy.split("; "), [
    "default-src 'none'",
    `style-src 'sha256-${digest}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ]);
  assertEquals(
    /<(script|link|img|iframe|object|form|base)|\sstyle=|\son\w+=|https?:|url\(|@import/i.test(
      page,
    ),
    false,
  );
  assertStringIncludes(page, '<meta name="referrer" content="no-referrer">');
  // A policy holds for what stands behind it.
  assert(page.indexOf("Content-Security-Policy") < page.indexOf("<style>"));
});

Deno.test("renderReportPage() gives every drawing a name", () => {
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

Deno.test("renderReportPage() marks the first run, the quiet one and news", () => {
  assertStringIncludes(renderReportPage(model({ run: 1 })), "this is the baseline");
  assertStringIncludes(renderReportPage(model()), '<section class="news quiet">');
  const news = renderReportPage(model({ news: { appeared: ["b"], silent: [], changed: [] } }));
  const told = news.indexOf("1 new template");
  assert(told > 0 && told < news.indexOf("Timeline"));
});

Deno.test("renderReportPage() holds against fields without a spread, gaps and times out of range", () => {
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

Deno.test("renderReportPage() of the largest analysis stays within its bound", () => {
  for (const char of ['"', "\u202e", "漢", "🙂"]) {
    const huge = everywhere(char.repeat(1000), 600);
    const page = renderReportPage({ ...model(), analysis: huge });
    const size = new TextEncoder().encode(page).length;
    assert(size < HTML_BYTES_MAX, `${JSON.stringify(char)}: ${size}`);
  }
});
