import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PendingRequests } from "../../../lib/client/pending.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Reply } from "../../../lib/wire/protocol.ts";

const late = new CodedError("deadline_exceeded", "Too late");

const good = (id: string): Reply => ({ v: 1, id, ok: true, body: { for: id } });
const bad = (id: string): Reply => ({
  v: 1,
  id,
  ok: false,
  error: { code: "handler_failed", message: "No luck", retry: "now", maybe_done: false },
});

/** Adds a request and gives it up. */
async function abandon(pending: PendingRequests, id: string): Promise<void> {
  const request = pending.add(id);
  pending.abandon(id, late);
  await assertRejects(() => request, CodedError, late.message);
}

Deno.test("PendingRequests settles each request with the reply of its id", async () => {
  const pending = new PendingRequests();
  const [a, b] = [pending.add("a"), pending.add("b")];
  assertThrows(() => pending.add("a"), TypeError, '"a"');
  pending.settle("b", good("b"));
  pending.settle("a", bad("a"));
  assertEquals(await b, { for: "b" });
  await assertRejects(() => a, CodedError, "No luck");
});

Deno.test("PendingRequests takes a good late reply for the next attempt, and no error", async () => {
  const pending = new PendingRequests();
  await abandon(pending, "a");
  const second = pending.add("a");
  pending.settle("a", bad("a")); // of the first attempt
  assertEquals(pending.size, 1);
  pending.settle("a", good("a"));
  assertEquals(await second, { for: "a" });
  pending.delete("a");

  await abandon(pending, "b");
  const again = pending.add("b");
  pending.settle("b", good("b")); // of the first attempt, and so of both
  assertEquals(await again, { for: "b" });
  pending.delete("b");
  for (let n = 0; n < 4; n++) pending.settle("b", good("b")); // the first one was owed
  assertEquals(pending.isOverrun, false);
  pending.settle("b", good("b"));
  assertEquals(pending.isOverrun, true);
});

Deno.test("PendingRequests is overrun by a server that owes 1,001 replies", async () => {
  const pending = new PendingRequests();
  for (let n = 0; n < 1_000; n++) await abandon(pending, `n${n}`);
  assertEquals(pending.isOverrun, false);
  await abandon(pending, "last");
  assertEquals(pending.isOverrun, true);
  pending.settle("n0", good("n0"));
  assertEquals(pending.isOverrun, false);
});

Deno.test("PendingRequests.rejectAll() rejects what waits", async () => {
  const pending = new PendingRequests();
  const requests = ["a", "b"].map((id) => pending.add(id));
  pending.rejectAll(late);
  for (const request of requests) await assertRejects(() => request, CodedError, late.message);
});
