import { assertEquals } from "@std/assert";
import { html } from "../../../../agents/reporter/html/markup.ts";

Deno.test("html`` escapes children in text and in attributes, and markup only once", () => {
  const hostile = `<a title='x'>"&lt;"\u202e</a>`;
  const escaped = "&lt;a title=&#39;x&#39;&gt;&quot;&amp;lt;&quot;\\u202e&lt;/a&gt;";
  assertEquals(
    html`<b title="${hostile}">${hostile}</b>`.text,
    `<b title="${escaped}">${escaped}</b>`,
  );
  assertEquals(html`${[html`<i>${"&"}</i>`, 7, ["<"]]}`.text, "<i>&amp;</i>7&lt;");
});

Deno.test("html`` shows long text whole, and nothing for false, null and undefined", () => {
  const long = "x".repeat(10_000);
  assertEquals(html`${long}${false}${null}${undefined}${[false]}${0}`.text, `${long}0`);
});
