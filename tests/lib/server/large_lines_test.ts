import { assertEquals, assertRejects } from "@std/assert";
import { LargeLines } from "../../../lib/server/large_lines.ts";
import { type Clock, SYSTEM } from "../../../lib/system.ts";

// Seen to catch: two at once, no rest, a rest of another length, a small line that waits, one byte
// less or more, who is gone and still has its turn, blocks of several lines that are read at once, and
// one that waits though no other line is large.

const LARGE = 64 * 1024 + 1;
const never = new AbortController().signal;

/** A clock that only waiting and working move. */
class Desk {
  ms = 0;
  readonly rests: number[] = [];
  readonly events: string[] = [];
  readonly lines: LargeLines;

  constructor() {
    const after: Clock["after"] = (ms, callback) => {
      this.rests.push(ms);
      return SYSTEM.clock.after(0, () => {
        this.ms += ms;
        callback();
      });
    };
    this.lines = new LargeLines({ ...SYSTEM.clock, now: () => this.ms, after });
  }

  async take(name: string, { bytes = LARGE, ms = 0, gone = never } = {}): Promise<string> {
    return await this.lines.take(bytes, async () => {
      this.events.push(`${name} begins at ${this.ms}`);
      await Promise.resolve();
      this.ms += ms;
      return name;
    }, gone);
  }
}

Deno.test("LargeLines.take() handles one large line at a time, and then waits for as long as it took", async () => {
  const desk = new Desk();
  const names = await Promise.all([
    desk.take("first", { ms: 30 }),
    desk.take("second", { ms: 5 }),
    desk.take("third", { ms: 1 }),
  ]);
  assertEquals(names, ["first", "second", "third"]);
  assertEquals(desk.events, ["first begins at 0", "second begins at 60", "third begins at 70"]);
  assertEquals(desk.rests, [30, 5, 1]);
});

Deno.test("LargeLines.take() handles a line of 64 KiB at once", async () => {
  const desk = new Desk();
  const large = desk.take("large", { ms: 30 });
  const next = desk.take("next, by a byte too large");
  assertEquals(await desk.take("small", { bytes: LARGE - 1 }), "small");
  await Promise.all([large, next]);
  assertEquals(desk.events, [
    "small begins at 0",
    "large begins at 0",
    "next, by a byte too large begins at 60",
  ]);
});

Deno.test("LargeLines.take() waits after a line that is refused, or whose connection ends meanwhile", async () => {
  const desk = new Desk();
  const gone = new AbortController();
  const refused = desk.lines.take(LARGE, () => {
    desk.ms += 30;
    return Promise.reject(new Error("no JSON"));
  }, never);
  const ending = desk.lines.take(LARGE, () => {
    desk.ms += 5;
    gone.abort(new Error("gone"));
    return Promise.resolve();
  }, gone.signal);
  const last = desk.take("last");
  await assertRejects(() => refused, Error, "no JSON");
  await assertRejects(() => ending, Error, "gone");
  assertEquals(await last, "last");
  assertEquals(desk.events, ["last begins at 70"]);
});

Deno.test("LargeLines.take() rejects at once if the connection ends, and skips its line", async () => {
  const desk = new Desk();
  const gone = new AbortController();
  const first = desk.take("first", { ms: 30 });
  const left = desk.take("left", { ms: 30, gone: gone.signal });
  const last = desk.take("last");
  gone.abort(new Error("gone"));
  await assertRejects(() => left, Error, "gone");
  assertEquals(desk.events, ["first begins at 0"]);
  await Promise.all([first, last]);
  assertEquals(desk.events, ["first begins at 0", "last begins at 60"]);
});

Deno.test("LargeLines.nextBlock() lets the blocks of several large lines be read one by one", async () => {
  const desk = new Desk();
  const [one, other, small] = [1, 2, 3].map(() => new AbortController().signal);
  const read: string[] = [];
  const next = (name: string, gone: AbortSignal): Promise<unknown> =>
    desk.lines.nextBlock(LARGE, gone)!.then(() => read.push(`${name} at ${desk.ms}`));
  const first = next("one", one);
  const second = next("other", other);
  assertEquals(desk.lines.nextBlock(LARGE - 1, small), undefined);
  await first;
  const third = next("one again", one);
  await Promise.all([second, third]);
  assertEquals(read, ["one at 1", "other at 2", "one again at 3"]);
  assertEquals(desk.lines.nextBlock(LARGE, one), undefined, "no other has asked meanwhile");
});

Deno.test("LargeLines.nextBlock() rejects if the connection ends, and goes on with the others", async () => {
  const desk = new Desk();
  const gone = new AbortController();
  const left = desk.lines.nextBlock(LARGE, gone.signal)!;
  const next = desk.lines.nextBlock(LARGE, never)!;
  gone.abort(new Error("gone"));
  await assertRejects(() => left, Error, "gone");
  await next;
  assertEquals(desk.lines.nextBlock(LARGE, never), undefined);
});

Deno.test("LargeLines ends all waiting when it is disposed of", async () => {
  const lines = new LargeLines(SYSTEM.clock);
  const begun = performance.now();
  const taken = lines.take(LARGE, () => {
    while (performance.now() - begun < 20); // so long is the rest, whose timer would be left
    return Promise.resolve("taken");
  }, never);
  await new Promise((resolve) => setTimeout(resolve, 0));
  lines[Symbol.dispose]();
  assertEquals(await taken, "taken");
});
