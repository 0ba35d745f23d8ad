import { assert, assertEquals, assertMatch } from "@std/assert";
import { logLine, logTo, LossyWriter, ResultWriter } from "../../lib/log.ts";
import { within } from "../harness/waiting.ts";

const AT = new Date("2030-01-02T03:04:05.678Z");

Deno.test("logLine() is one JSON object with the time, the level and the event first", () => {
  assertEquals(
    logLine(AT, "warn", "agent_lost", { agent: "collector", tries: 3 }),
    '{"at":"2030-01-02T03:04:05.678Z","level":"warn","event":"agent_lost","agent":"collector","tries":3}',
  );
});

Deno.test("logLine() has no character that a terminal obeys, and means the same", () => {
  const text = "\x00\x07\x1b[2J\r\n\t\x7f\x85\x9b31m\u200e\u200f\u2028\u2029\u202e\u2066\u2069 ü🙂";
  const line = logLine(AT, "info", "said", { text });
  // deno-lint-ignore no-control-regex -- these are what must not be there
  assertEquals(line.match(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g), null);
  assertEquals(JSON.parse(line).text, text);
});

Deno.test("logLine() guards keys as it does values", () => {
  const line = logLine(AT, "info", "said", { "\u202e": 1 });
  assertEquals(line.includes("\u202e"), false);
});

Deno.test("logLine() cuts long values wherever they are", () => {
  const long = "x".repeat(10_000);
  const { a, b } = JSON.parse(logLine(AT, "info", "said", { a: long, b: { c: [long] } }));
  assertEquals(a, "x".repeat(512) + "…");
  const longest = "x".repeat(512);
  assertEquals(JSON.parse(logLine(AT, "info", "said", { longest })).longest, longest);
  assertEquals(b.c[0], a);
});

Deno.test("logTo() writes a line with the common fields first and tells what was lost before", () => {
  const lines: string[] = [];
  let dropped = 0;
  const log = logTo({
    write: (text) => lines.push(text),
    takeDropped: () => dropped,
  }, { role: "reporter" });
  log("info", "one");
  dropped = 7;
  log("error", "two", { more: true });
  assertMatch(lines[0], /^\{.*"event":"one","role":"reporter"\}\n$/);
  assertMatch(lines[1], /^\{.*"event":"two","role":"reporter","more":true,"dropped":7\}\n$/);
});

Deno.test("LossyWriter joins what is written in one turn and keeps its order", async () => {
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

const KIB = "x".repeat(1023) + "\n";

/** Takes nothing before it is opened. */
class FullPipe {
  readonly #open = Promise.withResolvers<void>();
  written = 0;

  async write(bytes: Uint8Array): Promise<number> {
    await this.#open.promise;
    this.written += bytes.length;
    return bytes.length;
  }

  open(): void {
    this.#open.resolve();
  }
}

Deno.test("LossyWriter neither waits for a full pipe nor keeps more than a megabyte for it", async () => {
  const pipe = new FullPipe();
  const writer = new LossyWriter(pipe);
  for (let n = 0; n < 3000; n++) writer.write(KIB);
  assertEquals(writer.takeDropped(), 3000 - 1024);
  assertEquals(writer.takeDropped(), 0);
  await writer.flush(1); // gives up while the pipe is full
  assertEquals(pipe.written, 0);
  pipe.open();
  await within(writer.flush(60_000), "the pipe to take what waits");
  assertEquals(pipe.written, 1024 * 1024);
  writer.write(KIB);
  await writer.flush(60_000);
  assertEquals(pipe.written, 1024 * 1024 + 1024);
  assertEquals(writer.takeDropped(), 0);
});

Deno.test("LossyWriter takes one text of any length where nothing waits", async () => {
  const pipe = new FullPipe();
  const writer = new LossyWriter(pipe, 1_024);
  writer.write(KIB + KIB);
  writer.write("x");
  pipe.open();
  await within(writer.flush(), "the pipe to take it");
  assertEquals([pipe.written, writer.takeDropped()], [2_048, 1]);
});

Deno.test("LossyWriter counts what a broken pipe loses and never throws", async () => {
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

Deno.test("LossyWriter knows that its reader has hung up, and a full disk from that", async () => {
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

Deno.test("ResultWriter drops nothing, however much waits for a slow reader", async () => {
  const pipe = new FullPipe();
  const writer = new ResultWriter(pipe);
  for (let n = 0; n < 3000; n++) writer.write(KIB);
  await writer.flush(1); // the pipe is full
  assertEquals(pipe.written, 0);
  pipe.open();
  await within(writer.flush(), "all that waits");
  assertEquals(pipe.written, 3000 * 1024);
  assertEquals([writer.failure, writer.takeDropped()], [undefined, 0]);
});

Deno.test("ResultWriter tells why a result is not out, but not of a reader that has enough", async () => {
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
