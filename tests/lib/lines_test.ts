import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import { LineReader } from "../../lib/lines.ts";
import { SYSTEM } from "../../lib/system.ts";
import { until, within } from "../harness/waiting.ts";

const MANY = () => 1_000_000;

/** Gives the portions one `read` after the other, as a socket would. */
class Portions implements Pick<Deno.Conn, "read"> {
  /** Bytes that were read. */
  taken = 0;
  /** The largest buffer that was offered. */
  offered = 0;
  readonly #portions: Iterator<Uint8Array>;
  #left = new Uint8Array();

  constructor(portions: Iterable<string | Uint8Array>) {
    this.#portions = (function* () {
      for (const portion of portions) {
        yield typeof portion === "string" ? new TextEncoder().encode(portion) : portion;
      }
    })();
  }

  read(into: Uint8Array): Promise<number | null> {
    this.offered = Math.max(this.offered, into.buffer.byteLength);
    if (this.#left.length === 0) {
      const next = this.#portions.next();
      if (next.done) return Promise.resolve(null);
      this.#left = next.value as Uint8Array<ArrayBuffer>;
    }
    const count = Math.min(into.length, this.#left.length);
    into.set(this.#left.subarray(0, count));
    this.#left = this.#left.subarray(count);
    this.taken += count;
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

Deno.test("LineReader gives the same lines however the bytes are cut", async () => {
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

Deno.test("LineReader drops a line that the source does not end", async () => {
  assertEquals(await linesOf(["one\ntwo"]), ["one"]);
  assertEquals(await linesOf(["two"]), []);
  assertEquals(await linesOf([]), []);
});

Deno.test("LineReader gives thousands of lines of one portion", async () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n}`);
  assertEquals(await linesOf([lines.join("\n") + "\n"]), lines);
});

Deno.test("LineReader gives short and long lines in turn", async () => {
  const lines = [1, 100_000, 3, 65_535, 65_536, 65_537, 0, 500_000, 2]
    .map((length, n) => String(n).repeat(length));
  const text = lines.join("\n") + "\n";
  assertEquals(await linesOf([text]), lines);
  const portions = text.match(/[^]{1,1000}/g)!;
  assertEquals(await linesOf(portions), lines);
});

Deno.test("LineReader takes a line of exactly the limit and refuses one more", async () => {
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
  assert(source.taken <= max + 64 * 1024, `${source.taken} bytes were read`);
  assert(source.offered <= 2 * max, `${source.offered} bytes were held`);
});

Deno.test("LineReader lets go of the room that a long line took", async () => {
  const source = new Portions(["x".repeat(900_000) + "\n", ...Array(50).fill("y\n")]);
  const lines = new LineReader(source).lines(MANY);
  await lines.next();
  source.offered = 0;
  await lines.next();
  assertEquals(source.offered, 64 * 1024);
});

Deno.test("LineReader holds little for who is silent, more for a long line, and nothing once dropped", async () => {
  const parts = ["a\n", "b\nc", "x".repeat(100_000) + "\n", "d\ne\n"];
  let held = 0, ms = 0;
  const clock = { ...SYSTEM.clock, now: () => ms };
  const reader = new LineReader(new Portions(parts), clock, (bytes) => held += bytes);
  const lines = reader.lines(MANY);
  const heldBehind = async (): Promise<number> => {
    await lines.next();
    assertEquals(held, reader.held);
    return held;
  };
  const first = held;
  assertEquals([first, await heldBehind(), await heldBehind()], [4_096, 4_096, 4_096]);
  assertEquals([await heldBehind(), await heldBehind()], [131_072, 65_536]);
  ms = 10;
  const next = lines.next(); // gives others a turn
  reader.drop();
  assertEquals(await next, { done: true, value: undefined });
  assertEquals([held, reader.held], [0, 0]);
});

Deno.test("LineReader gives nothing of what comes once it is dropped", async () => {
  const come = Promise.withResolvers<number>();
  let reads = 0;
  const reader = new LineReader({ read: () => (reads++, come.promise) });
  const next = reader.lines(MANY).next();
  reader.drop();
  come.resolve(2);
  assertEquals(await within(next, "the end"), { done: true, value: undefined });
  assertEquals([reads, reader.held], [1, 0]);
});

Deno.test("LineReader asks for the limit before each line", async () => {
  let max = 3;
  const lines = new LineReader(new Portions(["abc\nabcdef\nabcd\n"])).lines(() => max);
  await lines.next();
  max = 6;
  assertEquals((await lines.next()).value?.length, 6);
  max = 3;
  await assertRejects(() => lines.next(), CodedError);
});

Deno.test("LineReader lets others have a turn between lines that have come together", async () => {
  let ms = 0, turns = 0;
  const clock = { ...SYSTEM.clock, now: () => ms };
  const reader = new LineReader(new Portions(["a\n".repeat(100)]), clock);
  const other = setInterval(() => turns++, 0);
  for await (const _ of reader.lines(MANY)) ms += 2; // each takes that long
  clearInterval(other);
  assert(turns >= 15, `${turns} turns in 200 ms of work`);
});

Deno.test("LineReader knows since when a line is unfinished, however it drips in", async () => {
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
    "nobody waits for it as long as the first is seen to",
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

Deno.test("LineReader asks before each read, and takes no time from the peer while it waits", async () => {
  let ms = 1;
  const asked: number[] = [];
  const turns = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const mayRead = (bytes: number): Promise<void> | undefined => {
    asked.push(bytes);
    return turns[bytes - 4]?.promise;
  };
  const source = new Portions(["a\nbc", "de", "f", "\n"]);
  const reader = new LineReader(source, { ...SYSTEM.clock, now: () => ms }, undefined, mayRead);
  const lines = reader.lines(MANY);
  await lines.next();
  const second = lines.next();
  await until(() => asked.length === 3, "it waits");
  assertEquals(source.taken, 6);
  ms = 50;
  turns[0].resolve();
  await until(() => asked.length === 4, "it has read one more");
  assertEquals(reader.partialSince, 50);
  turns[1].resolve();
  assertEquals(new TextDecoder().decode((await second).value!), "bcdef");
  assertEquals(asked, [0, 2, 4, 5]);
});
