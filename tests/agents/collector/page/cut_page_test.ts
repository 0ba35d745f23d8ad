import { assert, assertEquals, assertRejects } from "@std/assert";
import { BLOCK_BYTES, type Bytes, memoryBytes } from "../../../../agents/collector/inbox/bytes.ts";
import { cutPage, READ_BYTES_MAX } from "../../../../agents/collector/page/cut_page.ts";
import type { Layout } from "../../../../agents/collector/page/layout.ts";
import { RECORD_BYTES_MAX } from "../../../../agents/collector/page/splitter.ts";
import { CodedError } from "../../../../lib/errors.ts";

const START = { offset: 0, line: 1 };
const { signal } = new AbortController();

const cut = (text: string, layout: Layout) =>
  cutPage(memoryBytes(new TextEncoder().encode(text)), layout, START, signal);

Deno.test("cutPage() reads a line of 200 MB in small blocks", async () => {
  let largest = 0;
  const endless: Bytes = {
    size: 200_000_000,
    read(buffer, offset) {
      largest = Math.max(largest, buffer.length);
      return Promise.resolve(Math.min(buffer.fill(0x78).length, 200_000_000 - offset));
    },
  };
  const { text, offset, cut } = await cutPage(endless, "lines", START, signal);
  assertEquals([text.length, offset, cut], [RECORD_BYTES_MAX + 1, 200_000_000, 1]);
  assert(largest <= BLOCK_BYTES);
});

/** A line, then what a file of holes gives: no end. */
const holes: Bytes = {
  size: Infinity,
  read(buffer, offset) {
    buffer.fill(0);
    if (offset === 0) buffer.set(new TextEncoder().encode("one\n"));
    return Promise.resolve(buffer.length);
  },
};

Deno.test("cutPage() returns the records before an endless record, and refuses that record", async () => {
  const { text, offset, line } = await cutPage(holes, "lines", START, signal);
  assertEquals([text, offset, line], ["one\n", 4, 2]);
  const error = await assertRejects(
    () => cutPage(holes, "lines", { offset, line }, signal),
    CodedError,
  );
  assertEquals(error.code, "invalid_input", error.message);
});

Deno.test("cutPage() reads at most READ_BYTES_MAX for records that shrink to nothing", async () => {
  const value = new TextEncoder().encode("{" + " ".repeat(BLOCK_BYTES - 2) + "}");
  let read = 0;
  const spaces: Bytes = {
    size: Infinity,
    read(buffer, offset) {
      read += buffer.length;
      buffer.set(value);
      return Promise.resolve(offset % BLOCK_BYTES === 0 ? buffer.length : 0);
    },
  };
  const { offset } = await cutPage(spaces, "json", START, signal);
  assertEquals([read, offset], [READ_BYTES_MAX, READ_BYTES_MAX - BLOCK_BYTES]);
});

Deno.test("cutPage() stops when its signal aborts", async () => {
  const aborter = new AbortController();
  const endless: Bytes = {
    size: Infinity,
    read(buffer, offset) {
      if (offset > 1_000_000) aborter.abort(new CodedError("deadline_exceeded", "Too late"));
      return Promise.resolve(buffer.length);
    },
  };
  await assertRejects(
    () => cutPage(endless, "lines", START, aborter.signal),
    CodedError,
    "Too late",
  );
});

Deno.test("cutPage() refuses a source that ends before its size", async () => {
  const short: Bytes = { size: 10, read: () => Promise.resolve(0) };
  const error = await assertRejects(() => cutPage(short, "lines", START, signal), CodedError);
  assertEquals(error.code, "handler_rejected");
});

Deno.test("cutPage() loses one record to an unclosed quote", async () => {
  const rows = '1,"open\n' + "2,x\n".repeat(30_000);
  const { text, cut: cuts, offset } = await cut(rows, "csv");
  assertEquals(cuts, 1);
  assertEquals(offset, rows.length);
  assertEquals(text.endsWith("2,x\n".repeat(10_000)), true);
});

Deno.test("cutPage() keeps a quote inside a field", async () => {
  const rows = "2,x\t\n".repeat(30_000);
  for (const [row, layout] of [['1,5" pipe\n', "csv"], ['1,"5\tpipe\n', "tsv"]] as const) {
    const { text, cut: cuts } = await cut(row + rows, layout);
    assertEquals([text === row + rows, cuts], [true, 0]);
  }
});

Deno.test("cutPage() puts each JSON value on a line of its own", async () => {
  const table: [json: string, text: string][] = [
    ['{ "a" : [ 1 , 2 ] }', '{"a":[1,2]}\n'],
    ['{"a": "x \\" y\\\\"} {"b":\n1}', '{"a":"x \\" y\\\\"}\n{"b":1}\n'],
    ['{"n": 12345678901234567890}', '{"n":12345678901234567890}\n'],
    ['{"a":1},\n  null, "a , b", 7\n]\n', '{"a":1}\nnull\n"a , b"\n7\n'],
    ['{"a":"broken\nstring"}', '{"a":"broken string"}\n'],
    ["\n ]\n", ""],
  ];
  for (const [json, text] of table) assertEquals((await cut(json, "json")).text, text, json);
});

Deno.test("cutPage() finds JSON values across blocks", async () => {
  const values = Array.from({ length: 3000 }, (_, id) => ({ id, text: '}{\\"'.repeat(id % 9) }));
  const json = values.map((value) => JSON.stringify(value, null, 1)).join(" ,\n");
  const { text } = await cut(json, "json");
  assertEquals(text, values.map((value) => JSON.stringify(value) + "\n").join(""));
});
