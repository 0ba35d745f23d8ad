import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { PAGE_BYTES } from "../../../agents/shapes.ts";
import { openHarness } from "./collector_harness.ts";

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
const sum = (pages: { bytes: number }[]): number =>
  pages.reduce((bytes, page) => bytes + page.bytes, 0);

Deno.test("collect() returns pages that together are the file", async () => {
  await using harness = await openHarness();
  for (const about of [-1, 0, 1, 2 * PAGE_BYTES + 7]) {
    // Multi-byte characters in lines of changing length lie across all kinds of block borders.
    let text = "";
    for (let line = 0; text.length < (PAGE_BYTES + about) / 2; line++) {
      text += `${line} ${"é".repeat(line % 91)}\n`;
    }
    text += "x".repeat(Math.max(0, PAGE_BYTES + about - bytesOf(text)) % 1000) + "\n";
    await harness.write("a.log", text);
    const pages = await harness.pages({ sources: [{ file: "a.log" }] });
    assertEquals(pages.map((page) => page.text).join("") === text, true);
    assertEquals(sum(pages), bytesOf(text));
    let line = 1;
    for (const page of pages) {
      assertEquals(page.first_line, line);
      assert(bytesOf(page.text) <= PAGE_BYTES);
      assert(page.text.endsWith("\n"));
      line += page.text.split("\n").length - 1;
    }
  }
});

Deno.test("collect() fills a page to its last byte and puts the next record on the next page", async () => {
  await using harness = await openHarness();
  const record = "x".repeat(1023) + "\n";
  const full = record.repeat(PAGE_BYTES / 1024);
  for (
    const [text, lengths] of [
      [full, [PAGE_BYTES]],
      [full + "y", [PAGE_BYTES, 1]],
      [full.slice(0, -1) + "xx\n", [PAGE_BYTES - 1024, 1026]],
    ] as const
  ) {
    await harness.write("a.log", text);
    const texts = await harness.texts({ sources: [{ file: "a.log" }] });
    assertEquals(texts.map((page) => page.length), [...lengths]);
  }
});

Deno.test("collect() cuts a record that is too long and counts it", async () => {
  await using harness = await openHarness();
  const long = "é".repeat(40_000);
  await harness.write("a.log", `a\nx${long}\nb\n${long}`);
  const [page, ...more] = await harness.pages({ sources: [{ file: "a.log" }] });
  assertEquals(more, []);
  assertEquals(page.cut, 2);
  assertEquals(page.text, `a\nx${"é".repeat(32_767)}\nb\n${"é".repeat(32_768)}\n`);
  assertEquals(page.bytes, 160_006);
});

Deno.test("collect() keeps a page within its limit when bytes that are no UTF-8 grow", async () => {
  await using harness = await openHarness();
  const line = new Uint8Array(1024).fill(0xff);
  line[1023] = 0x0a;
  const bytes = new Uint8Array(PAGE_BYTES);
  for (let at = 0; at < bytes.length; at += line.length) bytes.set(line, at);
  await harness.write("a.log", bytes);
  const pages = await harness.pages({ sources: [{ file: "a.log" }] });
  assert(pages.every((page) => bytesOf(page.text) <= PAGE_BYTES));
  assertEquals(sum(pages), bytes.length);
  assertEquals(
    pages.map((page) => page.text).join("") === ("\ufffd".repeat(1023) + "\n").repeat(1024),
    true,
  );
});

Deno.test("collect() returns whole rows of CSV, and the columns with every page", async () => {
  await using harness = await openHarness();
  const row = `1,"${"line\n".repeat(200)}","say ""hi"""\r\n`;
  await harness.write("a.csv", "id,note,quote\r\n" + row.repeat(2000));
  const pages = await harness.pages({ sources: [{ file: "a.csv" }] });
  assertEquals(pages.length, 2);
  for (const page of pages) {
    assertEquals(page.format, "csv");
    assertEquals(page.columns, ["id", "note", "quote"]);
    assertEquals(page.text.length % (row.length - 1), 0);
  }
  assertEquals(pages[0].first_line, 2);
  assertEquals(pages[1].first_line, 2 + 201 * (pages[0].text.length / (row.length - 1)));
  assertEquals(sum(pages), 15 + 2000 * row.length);
});

Deno.test("collect() returns JSON documents as one line per value", async () => {
  await using harness = await openHarness();
  const values = Array.from(
    { length: 60_000 },
    (_, id) => ({ id, text: 'a "b" }\\', more: [1, {}] }),
  );
  const text = JSON.stringify(values, null, 2) + "\n";
  await harness.write("a.json", text);
  const pages = await harness.pages({ sources: [{ file: "a.json" }] });
  assert(pages.length > 1);
  assertEquals(sum(pages), bytesOf(text));
  assertEquals(pages[0].format, "ndjson");
  assertEquals(pages[0].first_line, 2);
  const lines = pages.map((page) => page.text).join("").split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.map((line) => JSON.parse(line)), values);
  const [id] = pages[1].text.match(/\d+/) ?? [];
  assertEquals(text.split("\n")[pages[1].first_line], `    "id": ${id},`);
});

Deno.test("collect() removes byte order marks and carriage returns", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "\ufeffone\r\ntwo\r\nthree");
  const [page] = await harness.pages({ sources: [{ file: "a.log" }] });
  assertEquals([page.text, page.bytes, page.first_line], ["one\ntwo\nthree", 18, 1]);
});

Deno.test("collect() returns one empty page for an empty file", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "");
  const { page, cursor } = await harness.collect({ sources: [{ file: "a.log" }] });
  assertEquals(cursor, null);
  assertEquals([page.text, page.bytes, page.source, page.stream], ["", 0, "a.log", "a.log"]);
  assertEquals((await harness.recall({ sources: [{ file: "a.log" }] })).page, page);
});

Deno.test("collect() returns all sources in order and passes over empty sources", async () => {
  await using harness = await openHarness();
  await harness.write("logs/b.log", "b\n");
  await harness.write("logs/a.log", "a\n");
  await harness.write("logs/deep/c.log", "c\n");
  await harness.write("logs/empty.log", "");
  await harness.write("logs/.hidden.log", "no\n");
  await harness.write("logs/half.log.part", "no\n");
  const pages = await harness.pages({
    sources: [{ text: "", name: "nothing" }, { glob: "logs/**" }, { text: "inline\n" }],
  });
  assertEquals(pages.map(({ source, text }) => [source, text]), [
    ["logs/a.log", "a\n"],
    ["logs/b.log", "b\n"],
    ["logs/deep/c.log", "c\n"],
    ["inline", "inline\n"],
  ]);
  assertEquals(pages.map((page) => page.stream), Array(4).fill("nothing"));
});

Deno.test("collect() passes over a file that is removed before its page", async () => {
  await using harness = await openHarness();
  for (const name of ["a", "b", "c"]) await harness.write(`${name}.log`, `${name}\n`);
  const sources = [{ glob: "*.log" }];
  const { cursor } = await harness.collect({ sources });
  assertEquals(cursor, { source: 0, path: "b.log" });
  await Deno.remove(`${harness.inbox}/b.log`);
  const next = await harness.collect({ sources, cursor: cursor! });
  assertEquals([next.page.text, next.cursor], ["c\n", null]);
  await Deno.remove(`${harness.inbox}/a.log`);
  await Deno.remove(`${harness.inbox}/c.log`);
  const last = await harness.collect({ sources, cursor: cursor! });
  assertEquals([last.page.text, last.cursor], ["", null]);
});

Deno.test("collect() leaves what is appended meanwhile for the next task", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "x".repeat(999) + "\n".repeat(PAGE_BYTES));
  const input = { sources: [{ file: "a.log" }] };
  const first = await harness.collect(input);
  await harness.write("a.log", "later\n", true);
  const second = await harness.collect({ ...input, cursor: first.cursor! });
  assertEquals(second.page.text, "\n".repeat(999));
  assertEquals(second.cursor, null);
  const [page, ...more] = await harness.pages({ ...input, only_new: true });
  assertEquals([page.text, page.first_line, more], ["later\n", PAGE_BYTES + 1, []]);
});

Deno.test("collect() refuses to continue with a file that was rewritten", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "x\n".repeat(PAGE_BYTES));
  const input = { sources: [{ file: "a.log" }] };
  const { cursor } = await harness.collect(input);
  for (const change of ["y\n".repeat(PAGE_BYTES), "x\n"]) {
    await harness.write("a.log", change);
    const error = await assertRejects(
      () => harness.collect({ ...input, cursor: cursor! }),
      CodedError,
      "has changed while it was collected",
    );
    assertEquals(error.code, "handler_rejected");
  }
});

Deno.test("collect() with only_new returns what was appended", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ glob: "*.log" }], only_new: true };
  await harness.write("a.log", "one\ntwo");
  assertEquals(await harness.texts(input), ["one\ntwo"]);
  const [nothing] = await harness.pages(input);
  assertEquals([nothing.text, nothing.source], ["", "a.log"]);
  await harness.write("a.log", " and a half\nthree\n", true);
  const [page] = await harness.pages(input);
  assertEquals([page.text, page.first_line, page.bytes], [" and a half\nthree\n", 2, 18]);
  await harness.write("b.log", "b\n");
  assertEquals(await harness.texts(input), ["b\n"]);
  assertEquals(await harness.texts({ ...input, only_new: false }), [
    "one\ntwo and a half\nthree\n",
    "b\n",
  ]);
});

Deno.test("collect() with only_new returns a rotated, cut or rewritten file from its start", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ file: "a.log" }], only_new: true };
  await harness.write("a.log", "monday 1\nmonday 2\n");
  await harness.pages(input);
  for (const text of ["tuesday 1\ntuesday 2\ntuesday 3\n", "w\n", "x\n", "x\n".repeat(9000)]) {
    harness.written += 1000;
    await harness.write("a.log", text);
    const [page] = await harness.pages(input);
    assertEquals(page.text === text || text.startsWith("x\nx\n"), true);
  }
  // Both ends are watched: a change at the end of a long file is a new file, too.
  harness.written += 1000;
  await harness.write("a.log", "x\n".repeat(8999) + "y\nz\n");
  assertEquals((await harness.texts(input))[0].length, 18_002);
});

Deno.test("collect() with only_new keeps the columns of a table that has grown", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ file: "a.csv" }], only_new: true };
  await harness.write("a.csv", "id,name\n1,one\n");
  await harness.pages(input);
  await harness.write("a.csv", "2,two\n", true);
  const [page] = await harness.pages(input);
  assertEquals([page.columns, page.text, page.first_line], [["id", "name"], "2,two\n", 3]);
});

Deno.test("collect() records a file only when its end is reached", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "x\n".repeat(PAGE_BYTES));
  const input = { sources: [{ file: "a.log" }], only_new: true };
  const { cursor } = await harness.collect(input);
  assertNotEquals(cursor, null);
  assertEquals((await harness.memory.keys("file/")).length, 0);
  assertEquals((await harness.pages(input)).length, 2);
  assertEquals((await harness.memory.keys("file/")).length, 1);
});

Deno.test("collect() does not undo the record of a task that has collected more", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ file: "a.log" }], only_new: true };
  await harness.write("a.log", "x\n".repeat(PAGE_BYTES));
  const slow = await harness.collect(input);
  await harness.write("a.log", "later\n", true);
  assertEquals((await harness.texts(input)).at(-1)?.endsWith("later\n"), true);
  await harness.collect({ ...input, cursor: slow.cursor! });
  assertEquals(await harness.texts(input), [""]);
});

Deno.test("recall() returns the same page after the file has grown", async () => {
  await using harness = await openHarness();
  await harness.write("a.csv", "id,name\n" + "1,é\n".repeat(400_000));
  let input = { sources: [{ file: "a.csv" }] };
  for (let page = 0; page < 2; page++) {
    const answer = await harness.collect(input);
    await harness.write("a.csv", "2,two\n", true);
    assertEquals(await harness.recall(input), answer);
    input = { ...input, cursor: answer.cursor! } as typeof input;
  }
});

Deno.test("recall() repeats an inline text", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ text: "one\n", name: "note" }, { text: "two" }] };
  const answer = await harness.collect(input);
  assertEquals(await harness.recall(input), answer);
  assertEquals(answer.page.source, "note");
});

Deno.test("recall() refuses if the file has changed or is gone", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ file: "a.log" }] };
  await harness.write("a.log", "one\ntwo\n");
  await harness.collect(input);
  for (const change of ["one\ntWo\n", "one\n", "", undefined]) {
    if (change === undefined) await Deno.remove(`${harness.inbox}/a.log`);
    else await harness.write("a.log", change);
    const error = await assertRejects(() => harness.recall(input), CodedError, "has changed since");
    assertEquals(error.code, "handler_rejected");
  }
});
