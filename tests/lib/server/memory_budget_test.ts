import { assertEquals } from "@std/assert";
import type { Limits } from "../../../lib/wire/limits.ts";
import { MemoryBudget } from "../../../lib/server/memory_budget.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";

const BYTES_MAX = 64 * 1024 * 1024;
const SMALL_BYTES = 64 * 1024;

/** Of a request whose body is a text under a key of one letter, beside that text. */
const FRAME_BYTES = 8 * 1024 + 56 + 8 + 1 + 24;

/** The body of a request that takes so many bytes. */
const taking = (bytes: number): JsonObject => ({ a: "x".repeat(bytes - FRAME_BYTES) });

Deno.test("InHand takes requests up to its bound and not one past it", () => {
  const hand = new MemoryBudget();
  const half = hand.reserve(taking(BYTES_MAX / 2), false);
  assertEquals(hand.reserve(taking(BYTES_MAX / 2 + 1), false), undefined);
  const other = hand.reserve(taking(BYTES_MAX / 2), false);
  assertEquals(hand.reserve({}, false), undefined);
  half!();
  other!();
  hand.reserve(taking(BYTES_MAX), false)!();
});

Deno.test("InHand takes a request that is larger than its bound where there is no other", () => {
  const hand = new MemoryBudget();
  const letGo = hand.reserve(taking(BYTES_MAX + 1), false);
  assertEquals(hand.reserve({}, false), undefined);
  letGo!();
  assertEquals(typeof hand.reserve(taking(BYTES_MAX + 1), false), "function");
});

Deno.test("InHand always takes a small request of a connection that has no other", () => {
  const hand = new MemoryBudget();
  hand.reserve(taking(BYTES_MAX), false);
  assertEquals(hand.reserve(taking(SMALL_BYTES + 1), true), undefined);
  assertEquals(hand.reserve(taking(SMALL_BYTES), false), undefined);
  assertEquals(typeof hand.reserve(taking(SMALL_BYTES), true), "function");
});

Deno.test("Server answers busy where the requests in hand take all the memory, until they are answered", async () => {
  const { promise: asked, resolve: answer } = Promise.withResolvers<JsonObject>();
  let inHand = 0;
  await using server = await serve({
    answer: ({ type }) => {
      if (type === "stats") return Promise.resolve({});
      inHand++;
      return asked;
    },
  });
  // A line of a megabyte and a half that takes thirty.
  const large = { v: 1, type: "say", body: { a: Array(470_000).fill({}) } };
  using greedy = await RawPeer.loggedIn(server.address);
  await greedy.say({ ...large, id: "1" }, { ...large, id: "2" });
  await until(() => inHand === 2, "two are in hand");
  const { ok, error } = await greedy.ask("say", large.body);
  assertEquals([ok, error.code, error.retry], [false, "busy", "after"]);
  using modest = await RawPeer.loggedIn(server.address);
  const stats = await modest.ask("stats", {});
  assertEquals((stats.body.limits as Limits).in_flight, 1);
  answer({});
  assertEquals((await greedy.hearAll(2)).size, 2);
  assertEquals((await greedy.ask("say", large.body)).ok, true);
});
