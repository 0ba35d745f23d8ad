import { assertEquals } from "@std/assert";
import { SYSTEM } from "../../../lib/system.ts";
import type { Limits } from "../../../lib/wire/limits.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { BlockedNetwork } from "./blocked_network.ts";

/** No limit in time ends a connection first, however slow the machine is. */
const PATIENT = { line_ms: 600_000, write_ms: 600_000, auth_ms: 60_000 };
const SAY = '{"v":1,"id":"s","type":"say"}\n';

Deno.test("Budgets close the connection with the most unread replies if all have too many", async () => {
  const blocked = new BlockedNetwork(SYSTEM.net);
  await using server = await serve({
    system: { ...SYSTEM, net: blocked.net },
    answer: () => Promise.resolve({ text: "x".repeat(4_000_000) }),
    limits: PATIENT,
  });
  using peers = new DisposableStack();
  const loggedIn = async () => peers.use(await RawPeer.loggedIn(server.address));
  const few = await loggedIn();
  const many = [];
  for (let n = 0; n < 5; n++) many.push(await loggedIn());
  blocked.blocked = true;
  await few.send(SAY);
  for (const peer of many) await peer.send(SAY.repeat(4)); // each below its own limit
  // Of 16 million each, one fits beside the 4 million of the peer that asked once.
  await until(() => server.connections === 2, "the others go");
  assertEquals((server.stats().limits as Limits).unread_bytes, 4);
  blocked.blocked = false;
  assertEquals((await (await loggedIn()).ask("ping")).ok, true);
});

Deno.test("Budgets allow one connection as many unread replies as its own limit says", async () => {
  const blocked = new BlockedNetwork(SYSTEM.net);
  let answered = 0;
  await using server = await serve({
    system: { ...SYSTEM, net: blocked.net },
    limits: { ...PATIENT, unread_bytes: 64 * 1024 * 1024 },
    answer: () => (answered++, Promise.resolve({ text: "x".repeat(4_000_000) })),
  });
  using peer = await RawPeer.loggedIn(server.address);
  blocked.blocked = true;
  await peer.send(SAY.repeat(10));
  await until(() => answered === 10, "all are answered");
  assertEquals((server.stats().limits as Limits).unread_bytes, 0);
  blocked.end();
});

Deno.test("Budgets close the connection with the longest line if all take too much memory", async () => {
  await using server = await serve({ limits: PATIENT });
  using peers = new DisposableStack();
  const send = async (bytes: number): Promise<RawPeer> => {
    const peer = peers.use(await RawPeer.loggedIn(server.address));
    await peer.send("x".repeat(bytes));
    return peer;
  };
  const few = await send(100_000);
  const exceeded = (): number => (server.stats().limits as Limits).line_bytes;
  // Each takes eight megabytes, since it may become longer: sixteen are too many by one.
  const many = [];
  for (let n = 0; n < 16; n++) many.push(await send(4_180_000));
  await until(() => exceeded() === 1, "one of the others goes");
  assertEquals(await Promise.race(many.map((peer) => peer.line())), undefined);
  await until(() => server.connections === 16, "the others stay");
  assertEquals(exceeded(), 1);
  await few.send("\n");
  assertEquals((await few.hear()).error.code, "bad_json");
});
