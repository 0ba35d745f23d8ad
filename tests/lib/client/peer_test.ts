import { assert, assertEquals } from "@std/assert";
import type { Address } from "../../../lib/address.ts";
import { Peer } from "../../../lib/client/peer.ts";
import type { Log } from "../../../lib/log.ts";
import { type Clock, type Net, SYSTEM } from "../../../lib/system.ts";
import { hangUp } from "../../harness/fake_server.ts";
import { quiet, recordLog } from "../../harness/recorded_log.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { afterLogin, ok, secret } from "./client_harness.ts";

const PING_MS = 10_000;
/** No wait between two attempts to connect is longer; all other waits of a peer are. */
const RECONNECT_MS_MAX = 2_000;

function peerAt(
  address: Address,
  { log = quiet, clock = SYSTEM.clock, net = SYSTEM.net } = {},
): Peer {
  const system = { ...SYSTEM, clock, net, random: () => 0.5 };
  return new Peer(address, { role: "echo", secret, log, system, onUp: () => {} });
}

/** A log that notes the time, on a clock on which the waits between two attempts take none. */
function logByTime() {
  let now = 0;
  const clock: Clock = {
    ...SYSTEM.clock,
    now: () => now,
    after: (ms, callback) => {
      if (ms > RECONNECT_MS_MAX) return SYSTEM.clock.after(ms, callback);
      return SYSTEM.clock.after(0, () => {
        now += ms;
        callback();
      });
    },
  };
  const logged: { event: string; at: number }[] = [];
  const log: Log = (_level, event) => logged.push({ event, at: now });
  return { log, logged, clock };
}

const refuse = (): Promise<never> =>
  Promise.reject(new Deno.errors.ConnectionRefused("Connection refused"));

Deno.test("Peer connects again after its server has come back on its port", async () => {
  const { log, logged } = recordLog();
  const first = await serve();
  const { port } = first.address;
  await using peer = peerAt(first.address, { log });
  await until(() => peer.up, "it is up");
  await first[Symbol.asyncDispose]();
  await until(() => !peer.up, "the loss is seen");
  assertEquals(peer.state().error, peer.error);
  await using _second = await serve({ port });
  await until(() => peer.up, "it is up again");
  assertEquals(peer.state().error, null);
  assertEquals(await peer.call("say", { a: 1 }, { id: "a", timeoutMs: 30_000 }), { a: 1 });
  const events = logged.map(({ event }) => event).filter((event) => event !== "agent_down");
  assertEquals(events, ["agent_up", "agent_lost", "agent_up"]);
});

Deno.test("Peer waits longer each time for a server that hangs up after each login", async () => {
  await using server = afterLogin((peer) => Promise.resolve(hangUp(peer)));
  const waits: number[] = [];
  const clock: Clock = {
    ...SYSTEM.clock,
    now: () => 0, // or a slow login would have timers as short as these waits
    after: (ms, callback) => {
      if (ms > RECONNECT_MS_MAX) return SYSTEM.clock.after(ms, callback);
      waits.push(ms);
      return SYSTEM.clock.after(0, callback);
    },
  };
  await using _ = peerAt(server.address, { clock });
  await until(() => waits.length >= 8, "eight attempts");
  assertEquals(waits.slice(0, 8), waits.slice(0, 8).toSorted((a, b) => a - b));
  assert(waits[7] >= 1_000, `it waits ${waits[7]} ms`);
});

Deno.test("Peer does not log an agent that is not up yet before 10 s have passed", async () => {
  const { log, logged, clock } = logByTime();
  const net: Net = { ...SYSTEM.net, connect: refuse };
  await using _ = peerAt({ hostname: "127.0.0.1", port: 1 }, { log, clock, net });
  await until(() => clock.now() > 20_000, "it has tried for 20 s");
  const [{ event, at }, ...more] = logged;
  assertEquals([event, more], ["agent_down", []]);
  assert(at >= 10_000 && at < 12_000, `after ${at} ms`);
});

Deno.test("Peer logs at once that an agent is down that was up before", async () => {
  await using server = await serve();
  const { log, logged, clock } = logByTime();
  const net: Net = { ...SYSTEM.net };
  await using peer = peerAt(server.address, { log, clock, net });
  await until(() => peer.up, "it is up");
  net.connect = refuse;
  await server[Symbol.asyncDispose]();
  await until(() => logged.length === 3, "it is down");
  assertEquals(logged.map(({ event }) => event), ["agent_up", "agent_lost", "agent_down"]);
  assert(logged[2].at < 10_000, `after ${logged[2].at} ms`);
});

Deno.test("Peer logs at once that it can't trust its agent", async () => {
  await using server = await serve({ role: "reporter" });
  const { log, logged, clock } = logByTime();
  await using _ = peerAt(server.address, { log, clock });
  await until(() => logged.length > 0, "it is logged");
  assertEquals(logged, [{ event: "agent_down", at: 0 }]);
});

Deno.test("Peer ends a connection on which two pings in a row have no answer", async () => {
  const answered = [false, true, false, false];
  let heard = 0;
  await using server = afterLogin(async (peer) => {
    while (heard < answered.length) {
      const { id } = await peer.hear();
      if (answered[heard++]) await peer.say(ok(id));
    }
  });
  let ping = (): void => {};
  let giveUp = (): void => {};
  const clock: Clock = {
    ...SYSTEM.clock,
    every: (_, callback) => {
      ping = callback;
      return () => {};
    },
    after: (ms, callback) => {
      if (ms !== PING_MS) return SYSTEM.clock.after(ms, callback);
      giveUp = callback;
      return () => {};
    },
  };
  const { log, logged } = recordLog();
  await using peer = peerAt(server.address, { log, clock });
  await until(() => peer.up, "it is up");
  for (const [at, isAnswered] of answered.entries()) {
    assertEquals(peer.up, true, `before ping ${at}`);
    ping();
    await until(() => heard === at + 1, "the server has the ping");
    if (!isAnswered) giveUp();
    await until(() => peer.inFlight === 0, "the ping is over");
  }
  await until(() => !peer.up, "the connection has ended");
  assertEquals(logged.at(-1)?.fields.reason, "It has not answered 2 pings");
});

Deno.test("Peer.state() tells how it is doing before the connection and with it", async () => {
  await using server = await serve();
  const { hostname, port } = server.address;
  await using peer = peerAt({ hostname, port });
  assertEquals([peer.name, peer.state()], [`127.0.0.1:${port}`, {
    address: `127.0.0.1:${port}`,
    name: null,
    up: false,
    in_flight: 0,
    answered_ms_ago: null,
    cooldown_ms: 0,
    error: "not connected yet",
  }]);
  await until(() => peer.up, "it is up");
  const { answered_ms_ago, ...state } = peer.state();
  assert(answered_ms_ago! >= 0);
  assertEquals([peer.name, state], ["echo-1", {
    address: `127.0.0.1:${port}`,
    name: "echo-1",
    up: true,
    in_flight: 0,
    cooldown_ms: 0,
    error: null,
  }]);
});
