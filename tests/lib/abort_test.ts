import { assertEquals, assertRejects } from "@std/assert";
import { unlessAborted } from "../../lib/abort.ts";

const REASON = new RangeError("enough");

Deno.test("unlessAborted() settles like its promise", async () => {
  const { signal } = new AbortController();
  assertEquals(await unlessAborted(Promise.resolve(1), signal), 1);
  await assertRejects(() => unlessAborted(Promise.reject(new TypeError("own")), signal), TypeError);
});

Deno.test("unlessAborted() rejects with the signal's reason while its promise hangs", async () => {
  const aborter = new AbortController();
  const hanging = unlessAborted(new Promise(() => {}), aborter.signal);
  aborter.abort(REASON);
  await assertRejects(() => hanging, RangeError, "enough");
});

Deno.test("unlessAborted() rejects if the signal has aborted before", async () => {
  await assertRejects(
    () => unlessAborted(Promise.resolve(), AbortSignal.abort(REASON)),
    RangeError,
  );
});
