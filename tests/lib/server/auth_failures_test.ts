import { assertEquals } from "@std/assert";
import { type Clock, SYSTEM, type System } from "../../../lib/system.ts";
import { makeNonce } from "../../../lib/wire/auth.ts";
import { AuthFailures } from "../../../lib/server/auth_failures.ts";
import { ManualClock } from "../../harness/manual_clock.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { OTHER_SECRET } from "../../harness/secrets.ts";
import { serve } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";

// Seen to catch: no doubling, no forgetting, no bound, right proofs that count or wait, the limit for
// logging in that cuts a delay short, a delay that outlives the server.

/** The shortest delay of a reply. */
const SHORTEST_MS = 200;

Deno.test("AuthFailures.add() doubles the delay of an address up to two seconds", () => {
  const guesses = new AuthFailures(new ManualClock());
  const delays = Array.from({ length: 7 }, () => guesses.add("a").delayMs);
  assertEquals(delays, [200, 400, 800, 1600, 2000, 2000, 2000]);
  for (let n = 0; n < 2_000; n++) guesses.add("a");
  assertEquals(guesses.add("a"), { delayMs: 2000, inARow: 2008 });
  assertEquals(guesses.add("b"), { delayMs: 200, inARow: 1 });
});

Deno.test("AuthFailures.add() forgets an address after a minute of quiet and not before", () => {
  const clock = new ManualClock();
  const guesses = new AuthFailures(clock);
  guesses.add("a");
  clock.ms += 60_000;
  assertEquals(guesses.add("a").delayMs, 400);
  clock.ms += 60_001;
  assertEquals(guesses.add("a").delayMs, 200);
});

Deno.test("AuthFailures remembers 1,000 addresses and forgets the quietest first", () => {
  const clock = new ManualClock();
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

/** A server's clock on which the delay of a reply ends only when a test says so. */
class HeldDelays {
  /** All delays so far, in milliseconds. */
  readonly set: number[] = [];
  readonly clock = new ManualClock();
  readonly system: System;
  #callbacks: (() => void)[] = [];

  constructor() {
    const after: Clock["after"] = (ms, callback) => {
      if (ms < SHORTEST_MS) return SYSTEM.clock.after(ms, callback);
      this.set.push(ms);
      this.#callbacks.push(callback);
      return () => {};
    };
    const { now, date, every } = this.clock;
    this.system = { ...SYSTEM, clock: { now, date, every, after } };
  }

  async until(count: number): Promise<void> {
    await until(() => this.set.length === count, `${count} replies are delayed`);
  }

  end(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }
}

Deno.test("Server delays each wrong proof longer than the one before, up to two seconds", async () => {
  const delays = new HeldDelays();
  const { log, logged } = recordLog();
  await using server = await serve({ log, system: delays.system });
  const guess = async (n: number): Promise<void> => {
    using guesser = await RawPeer.connect(server.address);
    const refused = guesser.logIn(OTHER_SECRET);
    await delays.until(n);
    delays.end();
    assertEquals((await refused).error.code, "auth_failed");
  };
  for (let n = 1; n <= 4; n++) await guess(n);
  delays.clock.pass(1_000);
  for (let n = 5; n <= 8; n++) await guess(n);
  assertEquals(delays.set, [200, 400, 800, 1600, 2000, 2000, 2000, 2000]);
  assertEquals(server.stats().auth_failures, 8);
  // The first, second, fourth and eighth of an address are logged, at most one line in a second.
  const fields = logged.filter(({ event }) => event === "auth_failure").map(({ fields }) => fields);
  const peer = "127.0.0.1";
  assertEquals(fields, [{ peer, in_a_row: 1, times: 1 }, { peer, in_a_row: 8, times: 3 }]);
});

Deno.test("Server answers a wrong proof even if the time to log in ends during the delay", async () => {
  const delays = new HeldDelays();
  await using server = await serve({ system: delays.system, limits: { auth_ms: 500 } });
  using guesser = await RawPeer.connect(server.address);
  const refused = guesser.logIn(OTHER_SECRET);
  await delays.until(1);
  delays.clock.pass(501);
  delays.end();
  assertEquals((await refused).error.code, "auth_failed");
});

Deno.test("Server that is closed does not wait for delayed replies", async () => {
  const delays = new HeldDelays();
  const server = await serve({ system: delays.system });
  using guesser = await RawPeer.connect(server.address);
  const refused = guesser.logIn(OTHER_SECRET).catch(() => {}); // the server hangs up
  await delays.until(1);
  await within(server[Symbol.asyncDispose](), "the server to end");
  await refused;
  assertEquals(server.connections, 0);
});

Deno.test("Server delays no right proof while wrong ones of the same address wait", async () => {
  const delays = new HeldDelays();
  await using server = await serve({ system: delays.system });
  using guessers = new DisposableStack();
  for (let n = 0; n < 24; n++) {
    const guesser = guessers.use(await RawPeer.connect(server.address));
    await guesser.ask("hello", { nonce: makeNonce() });
    await guesser.say({ v: 1, id: "q", type: "auth", body: { mac: "A".repeat(43) } });
  }
  await delays.until(24);
  for (let n = 0; n < 10; n++) {
    using peer = await RawPeer.loggedIn(server.address);
    assertEquals((await peer.ask("ping")).ok, true);
  }
  assertEquals(delays.set.length, 24);
  assertEquals(server.connections >= 24, true, "the wrong proofs still wait");
});
