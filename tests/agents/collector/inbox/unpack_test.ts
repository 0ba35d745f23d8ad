import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryBytes } from "../../../../agents/collector/inbox/bytes.ts";
import { unpack } from "../../../../agents/collector/inbox/unpack.ts";
import { CodedError } from "../../../../lib/errors.ts";
import { openHarness } from "../collector_harness.ts";
import { gzip, utf16 } from "../packed.ts";

Deno.test("collect() pages a gzip file, and its bytes sum to the packed size", async () => {
  await using harness = await openHarness();
  const text = Array.from({ length: 300_000 }, (_, id) => `line ${id}\n`).join("");
  const packed = await gzip(text);
  await harness.write("a.log.gz", packed);
  const input = { sources: [{ file: "a.log.gz" }], only_new: true };
  const pages = await harness.pages(input);
  assert(pages.length > 2);
  assertEquals(pages.map((page) => page.text).join("") === text, true);
  assertEquals(pages.reduce((bytes, page) => bytes + page.bytes, 0), packed.length);
  assertEquals(pages[0].stream, "a.log");
  assertEquals(await harness.texts(input), [""]);
});

Deno.test("collect() returns a gzip file that has changed from its start", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ file: "a.log.gz" }], only_new: true };
  await harness.write("a.log.gz", await gzip("one\n"));
  assertEquals(await harness.texts(input), ["one\n"]);
  await harness.write("a.log.gz", await gzip("one\ntwo\n"));
  assertEquals(await harness.texts(input), ["one\ntwo\n"]);
});

Deno.test("collect() returns an empty page that covers an empty gzip file", async () => {
  await using harness = await openHarness();
  const packed = await gzip("");
  await harness.write("a.gz", packed);
  const [page, ...more] = await harness.pages({ sources: [{ file: "a.gz" }] });
  assertEquals([page.text, page.bytes, more], ["", packed.length, []]);
});

Deno.test("collect() reads UTF-16 with a byte order mark", async () => {
  await using harness = await openHarness();
  for (const littleEndian of [true, false]) {
    const bytes = utf16("\ufeffid,name\r\n1,ünï\r\n", littleEndian);
    await harness.write("a.csv", bytes);
    const [page] = await harness.pages({ sources: [{ file: "a.csv" }] });
    assertEquals([page.columns, page.text, page.bytes], [["id", "name"], "1,ünï\n", bytes.length]);
  }
});

Deno.test("collect() returns UTF-16 that has grown from its start", async () => {
  await using harness = await openHarness();
  const input = { sources: [{ file: "a.log" }], only_new: true };
  await harness.write("a.log", utf16("\ufeffone\n", true));
  assertEquals(await harness.texts(input), ["one\n"]);
  await harness.write("a.log", utf16("two\n", true), true);
  assertEquals(await harness.texts(input), ["one\ntwo\n"]);
});

Deno.test("collect() refuses gzip that is cut off or has a second member", async () => {
  await using harness = await openHarness();
  const packed = await gzip("hello\n".repeat(100));
  const two = new Uint8Array([...packed, ...packed]);
  for (const broken of [packed.slice(0, -5), two]) {
    await harness.write("a.gz", broken);
    const error = await assertRejects(
      () => harness.collect({ sources: [{ file: "a.gz" }] }),
      CodedError,
      "unpack it first",
    );
    assertEquals(error.code, "invalid_input");
  }
});

Deno.test("unpack() reads UTF-16 in gzip, and characters that two blocks share", async () => {
  // After the byte order mark, each block of 64 KiB ends within a surrogate pair.
  const text = "\u{1f600}".repeat(100_000);
  const packed = await gzip(utf16("\ufeff" + text, true).buffer as ArrayBuffer);
  const unpacked = await unpack("a.gz", memoryBytes(packed), new AbortController().signal);
  const bytes = new Uint8Array(unpacked.size);
  await unpacked.read(bytes, 0);
  assertEquals(new TextDecoder().decode(bytes), text);
});

Deno.test("unpack() ends at an abort, and if the file is cut while it is read", async () => {
  const packed = memoryBytes(await gzip("hello\n"));
  const signal = AbortSignal.abort(new Error("nobody waits"));
  await assertRejects(() => unpack("a.gz", packed, signal), Error, "nobody waits");
  const cut = { ...packed, size: packed.size + 1 };
  const unpacked = unpack("a.gz", cut, new AbortController().signal);
  const { code } = await assertRejects(() => unpacked, CodedError, "cut while it is read");
  assertEquals(code, "handler_rejected");
});

Deno.test("unpack() stops at the limit", async () => {
  const bomb = memoryBytes(await gzip("0".repeat(1_000_000)));
  const signal = new AbortController().signal;
  assertEquals((await unpack("a.gz", bomb, signal, 1_000_000)).size, 1_000_000);
  await assertRejects(() => unpack("a.gz", bomb, signal, 999_999), CodedError, "more than 999999");
});
