import { assertEquals, assertRejects } from "@std/assert";
import { InboxFile } from "../../../agents/collector/inbox/inbox_file.ts";
import { openSource } from "../../../agents/collector/open_source.ts";
import { CodedError } from "../../../lib/errors.ts";
import { openHarness } from "./collector_harness.ts";
import { gzip } from "./packed.ts";

const { signal } = new AbortController();
const textOf = async (bytes: { size: number; read(into: Uint8Array, at: number): unknown }) => {
  const buffer = new Uint8Array(bytes.size);
  await bytes.read(buffer, 0);
  return new TextDecoder().decode(buffer);
};

Deno.test("openSource() reads an inline text, and a file up to the given size", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "one\ntwo\n");
  await using inline = await openSource({ text: "one\n" }, undefined, signal);
  assertEquals([await textOf(inline.text), inline.head.layout], ["one\n", "lines"]);
  const file = await InboxFile.find(harness.inbox, "a.log");
  await using source = await openSource({ file: "a.log" }, file, signal, 4);
  assertEquals([source.raw.size, await textOf(source.text)], [4, "one\n"]);
});

Deno.test("openSource() frees the unpacked text and closes the file with the source", async () => {
  await using harness = await openHarness();
  await harness.write("a.gz", await gzip("0".repeat(1_000_000)));
  const file = await InboxFile.find(harness.inbox, "a.gz");
  const source = await openSource({ file: "a.gz" }, file, signal);
  const head = new Uint8Array(10);
  assertEquals([await source.text.read(head, 0), await source.raw.read(head, 0)], [10, 10]);
  await source[Symbol.asyncDispose]();
  assertEquals(await source.text.read(head, 0), 0);
  await assertRejects(() => source.raw.read(head, 0));
});

Deno.test("openSource() closes the file if it is no text", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", new Uint8Array([0x61, 0]));
  const file = await InboxFile.find(harness.inbox, "a.log");
  const raw = await file.bytes();
  await assertRejects(() => openSource({ file: "a.log" }, file, signal), CodedError, "not text");
  await assertRejects(() => raw.read(new Uint8Array(1), 0));
});
