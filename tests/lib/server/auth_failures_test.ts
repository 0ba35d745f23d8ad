import { assertEquals } from "@std/assert";
import { type Clock, SYSTEM } from "../../../lib/system.ts";
import { importSecret, makeNonce } from "../../../lib/wire/auth.ts";
import { Client } from "../../../lib/client/client.ts";
import { AuthFailures } from "../../../lib/server/auth_failures.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { OTHER_SECRET, SECRET } from "../../harness/secrets.ts";
import { serve } from "../../harness/test_server.ts";
import { PATIENCE_MS, until, within } from "../../harness/waiting.ts";

// Seen to catch: no doubling, no forgetting, no bound, right proofs that count or wait, the limit for
// logging in that cuts a delay short, a delay that outlives the server.

/** A clock that the test moves. */
function standing(): { now: () => number; ms: number } {
  const clock = { ms: 0, now: () => clock.ms };
  return clock;
}

Deno.test("AuthFailures.add() doubles the delay of an address up to two seconds", () => {
  const guesses = new AuthFailures(standing());
  const delays = Array.from({ length: 7 }, () => guesses.add("a").delayMs);
  assertEquals(delays, [200, 400, 800, 1600, 2000, 2000, 2000]);
  for (let n = 0; n < 2_000; n++) guesses.add("a");
  assertEquals(guesses.add("a"), { delayMs: 2000, inARow: 2008 });
  assertEquals(guesses.add("b"), { delayMs: 200, inARow: 1 });
});

Deno.test("AuthFailures.add() forgets an address after a minute of quiet and not before", () => {
  const clock = standing();
  const guesses = new AuthFailures(clock);
  guesses.add("a");
  clock.ms += 60_000;
  assertEquals(guesses.add("a").delayMs, 400);
  clock.ms += 60_001;
  assertEquals(guesses.add("a").delayMs, 200);
});

Deno.test("AuthFailures remembers 1,000 addresses and forgets the quietest first", () => {
  const clock = standing();
  const guesses = new AuthFailures(clock);
  guesses.add("loud");
  guesses.add("quiet");
  for (let n = 0; n < 999; n++) {
    clock.ms++;
    guesses.add("loud");
    guesses.add(`other ${n}`);
  }
  assertEquals(guesses.add("other 0").inARow, 2, "a thousand are remembered");
  assertEquals(guesses.add("loud").inARow, 1001);
  assertEquals(guesses.add("quiet").inARow, 1, "it had to go");
  assertEquals(guesses.count, 2 + 2 * 999 + 3);
});

Deno.test("Server answers a wrong proof later each time, a right one at once, and counts them", async () => {
  const { log, logged } = recordLog();
  // The proof has less time than the last answer is held back: it is still that answer that comes.
  await using server = await serve({ log, limits: { auth_ms: 500 } });
  const held: number[] = [];
  for (let n = 0; n < 4; n++) {
    using guesser = await RawPeer.connect(server.address);
    const begun = performance.now();
    const [refused, let_in] = await Promise.all([
      guesser.logIn(OTHER_SECRET).then((reply) => {
        held.push(performance.now() - begun);
        return reply;
      }),
      RawPeer.loggedIn(server.address).then((peer) => {
        peer[Symbol.dispose]();
        return performance.now() - begun;
      }),
    ]);
    assertEquals(refused.error.code, "auth_failed");
    assertEquals(let_in < held[n], true, `${let_in} ms, where a guess took ${held[n]} ms`);
  }
  for (const [n, least] of [200, 400, 800, 1600].entries()) {
    assertEquals(held[n] >= least - 5, true, `guess ${n + 1} was answered after ${held[n]} ms`);
  }
  assertEquals(server.stats().auth_failures, 4);
  const told = logged.filter(({ event }) => event === "auth_failure").map(({ fields }) => fields);
  assertEquals(told[0], { peer: "127.0.0.1", in_a_row: 1, times: 1 });
  // The fourth comes more than a second later, and the second may.
  assertEquals(told.at(-1)!.in_a_row, 4);
  assertEquals(told.reduce((all, { times }) => all + (times as number), 0), 3, "not the third");
});

Deno.test("Server that is closed does not wait for delayed replies", async () => {
  const server = await serve();
  using guesser = await RawPeer.connect(server.address);
  const refused = guesser.logIn(OTHER_SECRET).catch(() => {}); // it is hung up on
  while ((server.stats().auth_failures as number) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await within(server[Symbol.asyncDispose](), "the server to end", 150);
  await refused;
  assertEquals(server.connections, 0);
});

Deno.test("Server delays no right proof while wrong ones of the same address wait", async () => {
  // The delay of a wrong proof, 200 ms or more, is never over.
  const after: Clock["after"] = (ms, callback) =>
    ms < 200 ? SYSTEM.clock.after(ms, callback) : () => {};
  const system = { ...SYSTEM, clock: { ...SYSTEM.clock, after } };
  await using server = await serve({ system, limits: { auth_ms: 60_000 } });
  using guessers = new DisposableStack();
  for (let n = 0; n < 24; n++) {
    const guesser = guessers.use(await RawPeer.connect(server.address));
    await guesser.ask("hello", { nonce: makeNonce() });
    await guesser.say({ v: 1, id: "q", type: "auth", body: { mac: "A".repeat(43) } });
  }
  await until(() => server.stats().auth_failures === 24, "all proofs are known to be wrong");
  const as = { address: server.address, secret: importSecret(SECRET), role: "echo" };
  for (let n = 0; n < 10; n++) {
    using client = await within(Client.connect(as), "a login");
    assertEquals(await client.call("ping", {}, { timeoutMs: PATIENCE_MS }), {});
  }
  assertEquals(server.connections >= 24, true, "the wrong proofs still wait");
});
