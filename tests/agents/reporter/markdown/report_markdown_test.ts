import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  MARKDOWN_BYTES_MAX,
  renderMarkdown,
} from "../../../../agents/reporter/markdown/report_markdown.ts";
import { everywhere, model } from "../sample.ts";

Deno.test("renderMarkdown() puts what is new first", () => {
  const text = renderMarkdown(model({ news: { appeared: ["b"], silent: [], changed: [] } }));
  const at = ["# Report on `shop/nginx`, run 3", "**A headline**", "## What is new"].map((part) =>
    text.indexOf(part)
  );
  assert(at.every((place) => place >= 0), text);
  const order = text.match(/^## .*/gm);
  assertEquals(order?.slice(0, 4), [
    "## What is new",
    "## What happened",
    "## Timeline",
    "## Templates",
  ]);
  assertStringIncludes(text, "- `connection to <*> refused`  \n  error, 340 records, 2.8 % of all");
});

Deno.test("renderMarkdown() says that a first run is the baseline", () => {
  assertStringIncludes(renderMarkdown(model({ run: 1 })), "this is the baseline");
});

Deno.test("renderMarkdown() says if nothing is new", () => {
  assertStringIncludes(renderMarkdown(model()), "Nothing: every template");
});

Deno.test("renderMarkdown() compares with the previous report", () => {
  const previous = {
    task: "t6",
    stream: "shop/nginx",
    run: 2,
    headline: "",
    records: 1000,
    bytes: 5,
    errors: 34,
    templates: 1,
    to: null,
  };
  assertStringIncludes(
    renderMarkdown({ ...model(), previous }),
    "- previous report: `t6` (run 2), 1,000 records, errors 3.4 % → 1.2 %, templates 1 → 2\n",
  );
});

Deno.test("renderMarkdown() lays tables out in columns", () => {
  assertStringIncludes(
    renderMarkdown(model()),
    "| count  |  share | level |     | template |\n".replace("| count ", "|  count"),
  );
});

Deno.test("renderMarkdown() of an empty input has neither NaN nor undefined", () => {
  const text = renderMarkdown(model({
    sources: [],
    records: 0,
    bytes: 0,
    from: null,
    to: null,
    levels: {},
    timeline: null,
    bursts: [],
    templates: [],
    fields: [],
    values: [],
    keywords: [],
  }));
  assertEquals(text.includes("NaN") || text.includes("undefined"), false);
  assertStringIncludes(text, "- 0 records, 0 B from 0 sources");
});

Deno.test("renderMarkdown() writes neither control characters nor direction marks", () => {
  const hostile = "\x1b[2J\x07\x9b\u202e\u2028\u2066\r\n\ud800# x";
  const text = renderMarkdown({ ...model(), analysis: everywhere(hostile) });
  assertEquals(/[^\P{Cc}\n]|\p{Bidi_Control}|\u2028|\p{Cs}/u.test(text), false);
});

Deno.test("renderMarkdown() keeps text from outside inside code spans", () => {
  const hostile = "``` | \\| ` <script>x</script> ![x](http://x)\n# x |";
  const text = renderMarkdown({ ...model(), analysis: everywhere(hostile) });
  const rest = withoutCode(text);
  assertEquals(/<script|!\[|^# x/m.test(rest), false, rest);
  const tables = rest.split("\n\n").filter((block) => block.startsWith("|"));
  assertEquals(tables.length, 4);
  for (const table of tables) {
    const cells = table.trimEnd().split("\n").map((row) => row.split("|").length);
    assertEquals(new Set(cells).size, 1, table);
  }
});

Deno.test("renderMarkdown() of the largest analysis stays within MARKDOWN_BYTES_MAX", () => {
  for (const char of ["x", "|", "\\|", "`", "` ", "\u202e", "漢", "🙂", "<"]) {
    const huge = everywhere(char.repeat(1000), 600);
    const size = new TextEncoder().encode(renderMarkdown({ ...model(), analysis: huge })).length;
    assert(size <= MARKDOWN_BYTES_MAX, `${JSON.stringify(char)}: ${size}`);
  }
});

/** Removes code spans and code blocks, as CommonMark finds them. */
function withoutCode(text: string): string {
  return text.replace(/(?<!`)(`+)(?!`)(?:(?!\n\n).)*?(?<!`)\1(?!`)/gs, "");
}
