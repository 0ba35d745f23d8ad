import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { html } from "../../../../agents/reporter/html/markup.ts";
import { page } from "../../../../agents/reporter/html/page.ts";

Deno.test("page() escapes the title and holds the body", () => {
  const text = page("a < b", html`<p>body</p>`);
  assert(text.startsWith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'));
  assertStringIncludes(text, "<title>a &lt; b</title>");
  assertStringIncludes(text, "<body>\n<p>body</p>\n</body>");
});

Deno.test("page() allows nothing but its own style", async () => {
  const text = page("Title", null);
  const style = text.match(/<style>(.*?)<\/style>/s)![1];
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  const digest = btoa(String.fromCharCode(...new Uint8Array(hash)));
  const policy = text.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]
    .replaceAll("&#39;", "'");
  assertEquals(policy.split("; "), [
    "default-src 'none'",
    `style-src 'sha256-${digest}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ]);
  assertStringIncludes(text, '<meta name="referrer" content="no-referrer">');
  // A policy holds only for what comes after it.
  assert(text.indexOf("Content-Security-Policy") < text.indexOf("<style>"));
});
