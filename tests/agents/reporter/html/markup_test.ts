import { assertEquals } from "@std/assert";
import { html } from "../../../../agents/reporter/html/markup.ts";

// Seen to catch: each of the five characters that is let through, text that is cut, `false` as a word.

Deno.test("html escapes what is put in, in text and in attributes, and its own markup once", () => {
  const hostile = `<a title='x'>"&lt;"\u202e</a>`;
  const shown = "&lt;a title=&#39;x&#39;&gt;&quot;&amp;lt;&quot;\\u202e&lt;/a&gt;";
  assertEquals(html`<b title="${hostile}">${hostile}</b>`.text, `<b title="${shown}">${shown}</b>`);
  assertEquals(html`${[html`<i>${"&"}</i>`, 7, ["<"]]}`.text, "<i>&amp;</i>7&lt;");
});

Deno.test("html shows long text whole, and nothing of what is left out", () => {
  const long = "x".repeat(10_000);
  assertEquals(html`${long}${false}${null}${undefined}${[false]}${0}`.text, `${long}0`);
});
