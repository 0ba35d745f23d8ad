import { assert, assertEquals } from "@std/assert";
import { type Clock, type Net, SYSTEM, type System } from "../../../lib/system.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { OUT_OF_DESCRIPTORS } from "./sessions.ts";

/** A system whose accepts fail that often before each good one, on a clock that only waiting moves. */
function badAccepts(
  bad: number,
  error = OUT_OF_DESCRIPTORS as Error,
): { system: System; waits: number[] } {
  let ms = 0, accepts = 0;
  const waits: number[] = [];
  const clock: Clock = {
    ...SYSTEM.clock,
    now: () => ms,
    after: (wait, callback) => {
      ms += wait;
      if (wait > 0) waits.push(wait);
      return SYSTEM.clock.after(0, callback);
    },
  };
  const listen: Net["listen"] = (options) => {
    const listener = SYSTEM.net.listen(options);
    return {
      addr: listener.addr,
      accept: () => {
        if (accepts++ % (bad + 1) === bad) return listener.accept();
        return Promise.reject(error);
      },
      close: () => listener.close(),
    };
  };
  return { system: { ...SYSTEM, clock, random: () => 1, net: { ...SYSTEM.net, listen } }, waits };
}

Deno.test("Server accepts again after descriptors ran out, and waits longer each time", async () => {
  const { log, logged } = recordLog();
  const { system, waits } = badAccepts(9);
  await using server = await serve({ log, system });
  using first = await RawPeer.loggedIn(server.address);
  using second = await RawPeer.loggedIn(server.address);
  for (const peer of [first, second]) assertEquals((await peer.ask("ping")).ok, true);
  const backoff = [40, 60, 100, 180, 340, 660, 1_020, 1_020, 1_020];
  assertEquals(waits.slice(0, 18), [...backoff, ...backoff]);
  for (const { event } of logged) assertEquals(event, "accept_failed");
  // At 0, 1380, 2400, 3420 ms and so on, and not each of the 18 times.
  const told = logged.map(({ fields }) => fields.times as number);
  assertEquals(told.slice(0, 4), [1, 6, 1, 1]);
  assert(String(logged[0].fields.reason).includes("Too many open files"));
});

Deno.test("Server logs failing accepts once a second", async () => {
  const { log, logged } = recordLog();
  const { system, waits } = badAccepts(1);
  await using server = await serve({ log, system });
  for (let n = 0; n < 60; n++) (await RawPeer.connect(server.address))[Symbol.dispose]();
  await until(() => waits.length >= 60, "it has failed as often");
  const ms = waits.reduce((all, wait) => all + wait, 0);
  assert(logged.length <= ms / 1_000 + 1, `${logged.length} lines in ${ms} ms`);
});

Deno.test("Server accepts at once a peer that is queued after others that hung up", async () => {
  const { log, logged } = recordLog();
  const gone = new Deno.errors.NotConnected("Transport endpoint is not connected (os error 107)");
  const { system, waits } = badAccepts(1_000, gone);
  await using server = await serve({ log, system });
  using peer = await RawPeer.loggedIn(server.address);
  assertEquals((await peer.ask("ping")).ok, true);
  assertEquals([waits, logged], [[], []]);
});
