import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import { LineReader } from "../../lib/lines.ts";
import { SYSTEM } from "../../lib/system.ts";
import { until, within } from "../harness/waiting.ts";

const MANY = () => 1_000_000;

/** Returns one portion per `read()`, as a socket does. */
class Portions implements Pick<Deno.Conn, "read"> {
  /** Bytes that were read. */
  readBytes = 0;
  /** Size of the largest buffer that a read was given. */
  bufferMax = 0;
  readonly #portions: Iterator<Uint8Array>;
  #rest = new Uint8Array();

  constructor(portions: Iterable<string | Uint8Array>) {
    this.#portions = (function* () {
      for (const portion of portions) {
        yield typeof portion === "string" ? new TextEncoder().encode(portion) : portion;
      }
    })();
  }

  read(into: Uint8Array): Promise<number | null> {
    this.bufferMax = Math.max(this.bufferMax, into.buffer.byteLength);
    if (this.#rest.length === 0) {
      const next = this.#portions.next();
      if (next.done) return Promise.resolve(null);
      this.#rest = next.value as Uint8Array<ArrayBuffer>;
    }
    const count = Math.min(into.length, this.#rest.length);
    into.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    this.readBytes += count;
    return Promise.resolve(count);
  }
}

async function linesOf(
  portions: Iterable<string | Uint8Array>,
  maxBytes: () => number = MANY,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of new LineReader(new Portions(portions)).lines(maxBytes)) {
    lines.push(new TextDecoder().decode(line));
  }
  return lines;
}

Deno.test("LineReader yields the same lines however the bytes are split", async () => {
  const text = '{"a":"ü🙂\u2028"}\n\n\r\nlast €\n';
  const expected = ['{"a":"ü🙂\u2028"}', "", "\r", "last €"];
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    const portions = [];
    for (let at = 0; at < bytes.length; at += size) portions.push(bytes.subarray(at, at + size));
    assertEquals(await linesOf(portions), expected, `portions of ${size}`);
  }
});

Deno.test("LineReader ends a line at a line feed and at nothing else", async () => {
  assertEquals(await linesOf(["a\rb\u2028c\u2029d\u0085e\fg\vh\0i\n"]), [
    "a\rb\u2028c\u2029d\u0085e\fg\vh\0i",
  ]);
});

Deno.test("LineReader drops a last line without its end", async () => {
  assertEquals(await linesOf(["one\ntwo"]), ["one"]);
  assertEquals(await linesOf(["two"]), []);
  assertEquals(await linesOf([]), []);
});

Deno.test("LineReader yields thousands of lines from one read", async () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n}`);
  assertEquals(await linesOf([lines.join("\n") + "\n"]), lines);
});

Deno.test("LineReader yields short and long lines in turn", async () => {
  const lines = [1, 100_000, 3, 65_535, 65_536, 65_537, 0, 500_000, 2]
    .map((length, n) => String(n).repeat(length));
  const text = lines.join("\n") + "\n";
  assertEquals(await linesOf([text]), lines);
  const portions = text.match(/[^]{1,1000}/g)!;
  assertEquals(await linesOf(portions), lines);
});

Deno.test("LineReader accepts a line of exactly `maxBytes` and refuses one more byte", async () => {
  for (const size of [0, 1, 100, 70_000]) {
    assertEquals(await linesOf(["x".repeat(size) + "\n"], () => size), ["x".repeat(size)]);
    const error = await assertRejects(
      () => linesOf(["x".repeat(size + 1) + "\n"], () => size),
      CodedError,
    );
    assertEquals(error.code, "line_too_long");
  }
});

Deno.test("LineReader counts bytes, not characters", async () => {
  assertEquals(await linesOf(["üü\n"], () => 4), ["üü"]);
  await assertRejects(() => linesOf(["üü\n"], () => 3), CodedError);
});

Deno.test("LineReader refuses a line over the limit before buffering it", async () => {
  const flood = (function* () {
    const block = new Uint8Array(64 * 1024).fill(0x78);
    for (let n = 0; n < 1600; n++) yield block; // 100 MiB without an end
  })();
  const source = new Portions(flood);
  const max = 1024 * 1024;
  const error = await assertRejects(async () => {
    for await (const _ of new LineReader(source).lines(() => max)) { /* none comes */ }
  }, CodedError);
  assertEquals(error.code, "line_too_long");
  assert(source.readBytes <= max + 64 * 1024, `${source.readBytes} bytes were read`);
  assert(source.bufferMax <= 2 * max, `${source.bufferMax} bytes were buffered`);
});

Deno.test("LineReader shrinks its buffer after a long line", async () => {
  const source = new Portions(["x".repeat(900_000) + "\n", ...Array(50).fill("y\n")]);
  const lines = new LineReader(source).lines(MANY);
  await lines.next();
  source.bufferMax = 0;
  await lines.next();
  assertEquals(source.bufferMax, 64 * 1024);
});

Deno.test("LineReader buffers little for a silent peer, more for a long line, nothing after drop()", async () => {
  const parts = ["a\n", "b\nc", "x".repeat(100_000) + "\n", "d\ne\n"];
  let reported = 0, ms = 0;
  const clock = { ...SYSTEM.clock, now: () => ms };
  const reader = new LineReader(new Portions(parts), clock, (more) => reported += more);
  const lines = reader.lines(MANY);
  const afterNext = async (): Promise<number> => {
    await lines.next();
    assertEquals(reported, reader.bufferBytes);
    return reported;
  };
  const first = reported;
  assertEquals([first, await afterNext(), await afterNext()], [4_096, 4_096, 4_096]);
  assertEquals([await afterNext(), await afterNext()], [131_072, 65_536]);
  ms = 10;
  const next = lines.next(); // pauses so that others get a turn
  reader.drop();
  assertEquals(await next, { done: true, value: undefined });
  assertEquals([reported, reader.bufferBytes], [0, 0]);
});

Deno.test("LineReader yields nothing that comes after drop()", async () => {
  const come = Promise.withResolvers<number>();
  let reads = 0;
  const reader = new LineReader({ read: () => (reads++, come.promise) });
  const next = reader.lines(MANY).next();
  reader.drop();
  come.resolve(2);
  assertEquals(await within(next, "the end"), { done: true, value: undefined });
  assertEquals([reads, reader.bufferBytes], [1, 0]);
});

Deno.test("LineReader calls `maxBytes` before each line", async () => {
  let max = 3;
  const lines = new LineReader(new Portions(["abc\nabcdef\nabcd\n"])).lines(() => max);
  await lines.next();
  max = 6;
  assertEquals((await lines.next()).value?.length, 6);
  max = 3;
  await assertRejects(() => lines.next(), CodedError);
});

Deno.test("LineReader pauses every 10 ms between lines that came together", async () => {
  let ms = 0, turns = 0;
  const clock = { ...SYSTEM.clock, now: () => ms };
  const reader = new LineReader(new Portions(["a\n".repeat(100)]), clock);
  const other = setInterval(() => turns++, 0);
  for await (const _ of reader.lines(MANY)) ms += 2; // the work for one line
  clearInterval(other);
  assert(turns >= 15, `${turns} turns in 200 ms of work`);
});

Deno.test("LineReader.partialSince is when the unfinished line began, however slowly it comes", async () => {
  const parts = [1, 2, 3, 4].map(() => Promise.withResolvers<string | null>());
  let read = 0, ms = 1;
  const reader = new LineReader({
    async read(into) {
      const text = await parts[read++].promise;
      return text ? new TextEncoder().encodeInto(text, into).written : null;
    },
  }, { ...SYSTEM.clock, now: () => ms });
  const lines = reader.lines(MANY);
  assertEquals(reader.partialSince, undefined);
  const first = lines.next();
  parts[0].resolve("one\ntw");
  await first;
  assertEquals(
    reader.partialSince,
    undefined,
    "the first line is still being worked on",
  );
  const second = lines.next();
  assertEquals(reader.partialSince, 1);
  ms = 2;
  parts[1].resolve("o");
  await until(() => read === 3, "more of it was read");
  assertEquals(reader.partialSince, 1);
  parts[2].resolve("\nth");
  await second;
  const third = lines.next();
  assertEquals(reader.partialSince, 2);
  parts[3].resolve(null);
  assertEquals(await third, { done: true, value: undefined });
  assertEquals(reader.partialSince, undefined);
});

Deno.test("LineReader waits for `beforeRead`, and does not count that time as the peer's", async () => {
  let ms = 1;
  const sizes: number[] = [];
  const turns = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const beforeRead = (bytes: number): Promise<void> | undefined => {
    sizes.push(bytes);
    return turns[bytes - 4]?.promise;
  };
  const source = new Portions(["a\nbc", "de", "f", "\n"]);
  const reader = new LineReader(source, { ...SYSTEM.clock, now: () => ms }, undefined, beforeRead);
  const lines = reader.lines(MANY);
  await lines.next();
  const second = lines.next();
  await until(() => sizes.length === 3, "the reader waits");
  assertEquals(source.readBytes, 6);
  ms = 50;
  turns[0].resolve();
  await until(() => sizes.length === 4, "it has read one more part");
  assertEquals(reader.partialSince, 50);
  turns[1].resolve();
  assertEquals(new TextDecoder().decode((await second).value!), "bcdef");
  assertEquals(sizes, [0, 2, 4, 5]);
});
