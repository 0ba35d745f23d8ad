import { assertEquals } from "@std/assert";
import { ResultWriter } from "../../lib/result_writer.ts";
import { within } from "../harness/waiting.ts";
import { FullPipe, KIB } from "./full_pipe.ts";

Deno.test("ResultWriter drops nothing, however much a slow reader leaves queued", async () => {
  const pipe = new FullPipe();
  const writer = new ResultWriter(pipe);
  for (let n = 0; n < 3000; n++) writer.write(KIB);
  await writer.flush(1); // the pipe is still full
  assertEquals(pipe.written, 0);
  pipe.open();
  await within(writer.flush(), "the whole queue");
  assertEquals(pipe.written, 3000 * 1024);
  assertEquals([writer.failure, writer.takeDropped()], [undefined, 0]);
});

Deno.test("ResultWriter reports why a result was not written, unless its reader hung up", async () => {
  let error: Error = new Error("No space left on device");
  const sink = { write: () => Promise.reject(error) };
  const full = new ResultWriter(sink);
  full.lossy.write("shown\n");
  await full.lossy.flush();
  assertEquals([full.failure, full.takeDropped()], [undefined, 1]);
  full.write("result\n");
  await full.flush();
  assertEquals(full.failure, error);
  error = new Deno.errors.BrokenPipe("gone");
  const closed = new ResultWriter(sink);
  closed.write("result\n");
  await closed.flush();
  assertEquals(closed.failure, undefined);
});
