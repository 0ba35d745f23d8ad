import { assert, assertEquals } from "@std/assert";
import { LossyWriter } from "../../lib/lossy_writer.ts";
import { within } from "../harness/waiting.ts";
import { FullPipe, KIB } from "./full_pipe.ts";

Deno.test("LossyWriter joins the texts of one turn, in order", async () => {
  const written: string[] = [];
  const writer = new LossyWriter({
    write(bytes) {
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  });
  for (const text of ["a", "b", "c"]) writer.write(text);
  await writer.flush(60_000);
  writer.write("d");
  await writer.flush(60_000);
  assertEquals(written, ["abc", "d"]);
});

Deno.test("LossyWriter queues at most a megabyte for a full pipe, and drops the rest", async () => {
  const pipe = new FullPipe();
  const writer = new LossyWriter(pipe);
  for (let n = 0; n < 3000; n++) writer.write(KIB);
  assertEquals(writer.takeDropped(), 3000 - 1024);
  assertEquals(writer.takeDropped(), 0);
  await writer.flush(1); // the pipe is still full
  assertEquals(pipe.written, 0);
  pipe.open();
  await within(writer.flush(60_000), "the pipe to accept the queue");
  assertEquals(pipe.written, 1024 * 1024);
  writer.write(KIB);
  await writer.flush(60_000);
  assertEquals(pipe.written, 1024 * 1024 + 1024);
  assertEquals(writer.takeDropped(), 0);
});

Deno.test("LossyWriter accepts a text of any length if nothing is queued", async () => {
  const pipe = new FullPipe();
  const writer = new LossyWriter(pipe, 1_024);
  writer.write(KIB + KIB);
  writer.write("x");
  pipe.open();
  await within(writer.flush(), "the pipe to accept it");
  assertEquals([pipe.written, writer.takeDropped()], [2_048, 1]);
});

Deno.test("LossyWriter counts what a broken pipe loses, and never throws", async () => {
  let broken = true;
  const written: string[] = [];
  const writer = new LossyWriter({
    write(bytes) {
      if (broken) return Promise.reject(new Deno.errors.BrokenPipe("gone"));
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  });
  writer.write("lost\n");
  await writer.flush(60_000);
  assert(writer.takeDropped() > 0);
  broken = false;
  writer.write("kept\n");
  await writer.flush(60_000);
  assertEquals(written, ["kept\n"]);
});

Deno.test("LossyWriter tells a reader that has hung up from a full disk", async () => {
  let error: Error = new Error("No space left on device");
  const writer = new LossyWriter({ write: () => Promise.reject(error) });
  writer.write("lost\n");
  await writer.flush();
  assertEquals([writer.failure, writer.closed], [error, false]);
  error = new Deno.errors.BrokenPipe("gone");
  writer.write("lost\n");
  await writer.flush();
  assertEquals([writer.failure, writer.closed], [error, true]);
});
