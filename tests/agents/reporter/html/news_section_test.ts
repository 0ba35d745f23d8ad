import { assertEquals, assertStringIncludes } from "@std/assert";
import { newsSection } from "../../../../agents/reporter/html/news_section.ts";
import { analysis } from "../sample.ts";

const NONE = { appeared: [], silent: [], changed: [] };

Deno.test("newsSection() says that a first run is the baseline", () => {
  assertStringIncludes(newsSection(analysis({ run: 1 })).text, "this is the baseline");
});

Deno.test("newsSection() of a usual run is quiet", () => {
  assertStringIncludes(newsSection(analysis()).text, '<section class="news quiet">');
});

Deno.test("newsSection() shows a new template with its level and its example", () => {
  const { text } = newsSection(analysis({ news: { ...NONE, appeared: ["b"] } }));
  assertStringIncludes(text, "<h3>1 new template</h3>");
  assertStringIncludes(
    text,
    '<span class="chip error">error</span> 340 records, 2.8\u00a0% of all',
  );
  assertStringIncludes(text, "connection to &lt;*&gt; refused, for example");
});

Deno.test("newsSection() shows 30 items of a group and counts the others", () => {
  const silent = Array.from({ length: 33 }, (_, n) => ({ id: `${n}`, text: `t${n}`, usual: 9 }));
  const { text } = newsSection(analysis({ news: { ...NONE, silent } }));
  assertEquals(text.match(/<code>t\d+<\/code>/g)?.length, 30);
  assertStringIncludes(text, '<li class="soft">and 3 more</li>');
});
