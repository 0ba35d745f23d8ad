import { assertEquals } from "@std/assert";
import {
  codeCell,
  codeSpan,
  escapeMarkdown,
} from "../../../../agents/reporter/markdown/escape_markdown.ts";

Deno.test("codeSpan() fences with more backticks than the text has", () => {
  assertEquals(codeSpan("a", 9), "`a`");
  assertEquals(codeSpan("a`b``c", 9), "```a`b``c```");
  assertEquals(codeSpan("`a", 9), "`` `a ``");
  assertEquals(codeSpan("a`", 9), "`` a` ``");
  assertEquals(codeSpan(" a ", 9), "`  a  `");
  assertEquals(codeSpan("", 9), "` `");
});

Deno.test("codeCell() leaves no pipe that could end the cell", () => {
  assertEquals(codeCell("a|b", 9), "`a\\|b`");
  assertEquals(codeCell("a\\|b", 9), "`a\\\\u007cb`");
});

Deno.test("escapeMarkdown() escapes markup and leaves words alone", () => {
  assertEquals(escapeMarkdown("latency_ms 3.4 %"), "latency_ms 3.4 %");
  assertEquals(
    escapeMarkdown("_a_ <b> [c](d) *e* `f` &amp;"),
    "\\_a\\_ \\<b\\> \\[c\\](d) \\*e\\* \\`f\\` \\&amp;",
  );
  assertEquals(
    escapeMarkdown("# a ![b] ~~c~~ d|e \\*"),
    "\\# a \\!\\[b\\] \\~\\~c\\~\\~ d\\|e \\\\\\*",
  );
});

Deno.test("escapeMarkdown() leaves nothing that a renderer makes a link of", () => {
  assertEquals(
    escapeMarkdown("https://a.example WWW.a.example a@b.example http.status"),
    "https\\://a.example WWW\\.a.example a\\@b.example http.status",
  );
});
