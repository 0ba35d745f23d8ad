import { assert, assertEquals, assertThrows } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { SYSTEM } from "../../../lib/system.ts";
import { LineWriter } from "../../../lib/wire/line_writer.ts";
import type { Writer } from "../../../lib/write_all.ts";
import { until, within } from "../../harness/waiting.ts";

/** Takes a few bytes at a time, each write when the test says so. */
class SlowSink implements Writer {
  written = "";
  writes = 0;
  open = Promise.withResolvers<void>();
  constructor(readonly portion = Infinity) {}

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    await this.open.promise;
    const part = bytes.subarray(0, this.portion);
    this.written += new TextDecoder().decode(part);
    return part.length;
  }
}

Deno.test("LineWriter joins the lines of one turn into one write", async () => {
  const sink = new SlowSink();
  sink.open.resolve();
  const writer = new LineWriter(sink, 1000);
  for (let n = 0; n < 10; n++) writer.write(`${n}\n`);
  await writer.flushed();
  assertEquals([sink.written, sink.writes], ["0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", 1]);
  assertEquals(writer.blockedSince, undefined);
});

Deno.test("LineWriter writes all of a line that the sink takes in pieces", async () => {
  const sink = new SlowSink(3);
  sink.open.resolve();
  const writer = new LineWriter(sink, 1000);
  writer.write("a long line\n");
  writer.write("and another\n");
  await writer.flushed();
  assertEquals(sink.written, "a long line\nand another\n");
});

Deno.test("LineWriter keeps the order while the sink is slow", async () => {
  const sink = new SlowSink();
  const writer = new LineWriter(sink, 1000);
  writer.write("1\n");
  await Promise.resolve();
  await Promise.resolve();
  assert(writer.blockedSince !== undefined);
  writer.write("2\n");
  writer.write("3\n");
  sink.open.resolve();
  await within(writer.flushed(), "the lines to be written");
  assertEquals([sink.written, sink.writes], ["1\n2\n3\n", 2]);
});

Deno.test("LineWriter refuses more than may wait but always takes one line", () => {
  const writer = new LineWriter(new SlowSink(), 10);
  writer.write("x".repeat(100) + "\n");
  assertEquals(assertThrows(() => writer.write("y\n"), CodedError).code, "slow_reader");
});

Deno.test("LineWriter forgets what the sink has taken", async () => {
  const sink = new SlowSink();
  sink.open.resolve();
  const writer = new LineWriter(sink, 10);
  for (let n = 0; n < 100; n++) {
    writer.write("12345678\n");
    await writer.flushed();
  }
  assertEquals(sink.written.length, 900);
});

Deno.test("LineWriter throws what an earlier write threw", async () => {
  const broken = new Error("EPIPE");
  const writer = new LineWriter({ write: () => Promise.reject(broken) }, 1000);
  writer.write("1\n");
  await writer.flushed();
  assertThrows(() => writer.write("2\n"), Error, "EPIPE");
});

Deno.test("LineWriter drops waiting lines when its peer is gone, and accepts no more", async () => {
  const sink = new SlowSink();
  const told: number[] = [];
  const writer = new LineWriter(sink, 1000, SYSTEM.clock, (chars) => told.push(chars));
  writer.write("1\n");
  await until(() => sink.writes === 1, "the first is on its way");
  writer.write("22\n");
  writer.drop();
  assertEquals([writer.unread, told], [0, [2, 3, -5]]);
  assertThrows(() => writer.write("333\n"), Error, "closed");
  sink.open.resolve();
  await within(writer.flushed(), "the first to be written");
  assertEquals([sink.written, writer.unread, told.length], ["1\n", 0, 3]);
});
