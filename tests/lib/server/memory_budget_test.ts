import { assertEquals } from "@std/assert";
import type { Limits } from "../../../lib/wire/limits.ts";
import { MemoryBudget } from "../../../lib/server/memory_budget.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";

const BYTES_MAX = 64 * 1024 * 1024;
const SMALL_BYTES = 64 * 1024;

/** What a request takes beside the text in its body, which has a key of one letter. */
const FRAME_BYTES = 8 * 1024 + 56 + 8 + 1 + 24;

/** The body of a request that takes `bytes` bytes. */
const taking = (bytes: number): JsonObject => ({ a: "x".repeat(bytes - FRAME_BYTES) });

Deno.test("MemoryBudget.reserve() accepts requests up to 64 MiB and none beyond", () => {
  const budget = new MemoryBudget();
  const half = budget.reserve(taking(BYTES_MAX / 2), false);
  assertEquals(budget.reserve(taking(BYTES_MAX / 2 + 1), false), undefined);
  const other = budget.reserve(taking(BYTES_MAX / 2), false);
  assertEquals(budget.reserve({}, false), undefined);
  half!();
  other!();
  budget.reserve(taking(BYTES_MAX), false)!();
});

Deno.test("MemoryBudget.reserve() accepts a request beyond 64 MiB if there is no other", () => {
  const budget = new MemoryBudget();
  const release = budget.reserve(taking(BYTES_MAX + 1), false);
  assertEquals(budget.reserve({}, false), undefined);
  release!();
  assertEquals(typeof budget.reserve(taking(BYTES_MAX + 1), false), "function");
});

Deno.test("MemoryBudget.reserve() always accepts a small request that is its connection's only one", () => {
  const budget = new MemoryBudget();
  budget.reserve(taking(BYTES_MAX), false);
  assertEquals(budget.reserve(taking(SMALL_BYTES + 1), true), undefined);
  assertEquals(budget.reserve(taking(SMALL_BYTES), false), undefined);
  assertEquals(typeof budget.reserve(taking(SMALL_BYTES), true), "function");
});

Deno.test("Server answers busy while the requests in flight take all the memory", async () => {
  const { promise: asked, resolve: answer } = Promise.withResolvers<JsonObject>();
  let inFlight = 0;
  await using server = await serve({
    answer: () => {
      inFlight++;
      return asked;
    },
  });
  // A line of a megabyte and a half that takes thirty.
  const large = { v: 1, type: "say", body: { a: Array(470_000).fill({}) } };
  using greedy = await RawPeer.loggedIn(server.address);
  await greedy.say({ ...large, id: "1" }, { ...large, id: "2" });
  await until(() => inFlight === 2, "two are in flight");
  const { ok, error } = await greedy.ask("say", large.body);
  assertEquals([ok, error.code, error.retry], [false, "busy", "after"]);
  assertEquals((server.stats().limits as Limits).in_flight, 1);
  answer({});
  assertEquals((await greedy.hearAll(2)).size, 2);
  assertEquals((await greedy.ask("say", large.body)).ok, true);
});
