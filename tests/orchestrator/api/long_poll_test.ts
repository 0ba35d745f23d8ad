import { assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { SYSTEM } from "../../../lib/system.ts";
import { longPoll, type LongPollOptions } from "../../../orchestrator/api/long_poll.ts";
import { within } from "../../harness/waiting.ts";

/** A task log with one task, and a clock whose timers fire when a test says so. */
class Fixture {
  readonly aborter = new AbortController();
  /** Milliseconds of each timer that is set and not stopped. */
  readonly timers = new Map<() => void, number>();
  isReady = false;
  /** How often `longPoll()` has asked whether the task is ready. */
  looks = 0;
  #changed = Promise.withResolvers<void>();

  readonly clock = {
    ...SYSTEM.clock,
    after: (ms: number, callback: () => void) => {
      this.timers.set(callback, ms);
      return () => void this.timers.delete(callback);
    },
  };

  /** Waits for the task, at most for the shorter of `waitMs` and `maxMs`. */
  poll(waitMs = 600_000, maxMs = 600_000, isReady?: LongPollOptions["isReady"]): Promise<void> {
    const taskLog = { changed: () => this.#changed.promise };
    const caller = { signal: this.aborter.signal, maxMs };
    const look = (): boolean => {
      this.looks++;
      return this.isReady;
    };
    const options = { task: "t1", waitMs, caller, isReady: isReady ?? look };
    return within(longPoll(taskLog, this.clock, options), "the end of the poll");
  }

  /** Something happens to the task; resolves when the poll has looked at it. */
  async change(): Promise<void> {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

Deno.test("longPoll() resolves at once if the task is ready or nothing is to be waited for", async () => {
  const fixture = new Fixture();
  await fixture.poll(0);
  assertEquals(fixture.looks, 0);
  fixture.isReady = true;
  await fixture.poll();
  assertEquals([fixture.looks, fixture.timers.size], [1, 0]);
});

Deno.test("longPoll() looks again after each change, until the task is ready", async () => {
  const fixture = new Fixture();
  const polled = fixture.poll();
  await fixture.change();
  await fixture.change();
  assertEquals(fixture.looks, 3);
  fixture.isReady = true;
  await fixture.change();
  await polled;
  assertEquals([fixture.looks, fixture.timers.size], [4, 0]);
});

Deno.test("longPoll() resolves after the request's wait or its timeout, whichever is shorter", async () => {
  for (const [waitMs, maxMs] of [[30_000, 5_000], [5_000, 30_000]]) {
    const fixture = new Fixture();
    const polled = fixture.poll(waitMs, maxMs);
    const [[fire, ms]] = fixture.timers;
    assertEquals(ms, 5_000);
    fire();
    await polled;
    assertEquals([fixture.looks, fixture.timers.size], [1, 0]);
  }
});

Deno.test("longPoll() is cancelled when the connection ends", async () => {
  const fixture = new Fixture();
  const polled = fixture.poll();
  fixture.aborter.abort();
  assertEquals((await assertRejects(() => polled, CodedError)).code, "cancelled");
  assertEquals(fixture.timers.size, 0);
});

Deno.test("longPoll() throws the CodedError that its signal is aborted with", async () => {
  const fixture = new Fixture();
  const polled = fixture.poll();
  fixture.aborter.abort(new CodedError("draining", "Shutting down"));
  assertEquals((await assertRejects(() => polled, CodedError)).code, "draining");
});

Deno.test("longPoll() throws what isReady throws, and stops its timer", async () => {
  const fixture = new Fixture();
  const isReady = (): boolean => {
    throw new CodedError("not_found", "Cannot find the task");
  };
  const error = await assertRejects(() => fixture.poll(1, 1, isReady), CodedError);
  assertEquals([error.code, fixture.timers.size], ["not_found", 0]);
});
