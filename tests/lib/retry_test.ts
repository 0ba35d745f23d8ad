import { assert, assertEquals, assertRejects } from "@std/assert";
import { backoffMs, sleep } from "../../lib/retry.ts";

const BACKOFF = { baseMs: 100, maxMs: 1000 };

Deno.test("backoffMs() doubles up to its bound and returns a random share of it", () => {
  const waits = (share: number): number[] =>
    [1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(attempt, BACKOFF, () => share));
  assertEquals(waits(0), [0, 0, 0, 0, 0, 0]);
  assertEquals(waits(0.5), [50, 100, 200, 400, 500, 500]);
  assertEquals(waits(0.999), [100, 200, 400, 799, 999, 999]);
});

Deno.test("backoffMs() stays within its bound for any attempt", () => {
  for (const attempt of [1, 10, 51, 52, 1e3, 1e6, Number.MAX_SAFE_INTEGER]) {
    const ms = backoffMs(attempt, { baseMs: 1, maxMs: 5000 });
    assert(Number.isInteger(ms) && ms >= 0 && ms <= 5000, `${attempt}: ${ms}`);
  }
});

Deno.test("backoffMs() spreads the waits of many callers", () => {
  const waits = new Set(
    Array.from({ length: 100 }, () => backoffMs(5, { baseMs: 1e3, maxMs: 1e6 })),
  );
  assert(waits.size > 50, `${waits.size} different waits of 100`);
});

Deno.test("sleep() waits no less than `ms`", async () => {
  const begun = performance.now();
  await sleep(20);
  assert(performance.now() - begun >= 19);
});

Deno.test("sleep() rejects with the signal's reason when it aborts, or if it has aborted before", async () => {
  const aborter = new AbortController();
  const reason = new Error("enough");
  const sleeping = assertRejects(() => sleep(60_000, aborter.signal), Error, "enough");
  aborter.abort(reason);
  await sleeping;
  await assertRejects(() => sleep(0, aborter.signal), Error, "enough");
});

Deno.test("sleep() removes its listener from the signal when it ends", async () => {
  const aborter = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = aborter.signal;
  aborter.signal.addEventListener = (...args: unknown[]) => {
    listeners++;
    addEventListener.apply(aborter.signal, args as Parameters<typeof addEventListener>);
  };
  aborter.signal.removeEventListener = (...args: unknown[]) => {
    listeners--;
    removeEventListener.apply(aborter.signal, args as Parameters<typeof removeEventListener>);
  };
  await sleep(1, aborter.signal);
  assertEquals(listeners, 0);
});
