import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import { type Connection, type Net, SYSTEM } from "../../../lib/system.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { serve } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";
import { gatedAnswer, LARGE, largeAnswer } from "./sessions.ts";

/** A connection that was under way may still be made, and is reset at once. */
async function untilRefused(address: Deno.NetAddr): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      using _ = await RawPeer.connect(address);
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return;
      assert(error instanceof Deno.errors.ConnectionReset, String(error));
    }
  }
  throw new Error("It still accepts connections");
}

Deno.test("Server.drain() answers what is in flight, refuses new requests, then hangs up", async () => {
  const slow = gatedAnswer();
  const { log, logged } = recordLog();
  await using server = await serve({ answer: slow.answer, log });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say({ v: 1, id: "a", type: "slow" });
  await until(() => slow.asked() === 1, "it is asked");
  const drained = server.drain(60_000);
  await untilRefused(server.address);
  const refused = await peer.ask("say");
  assertEquals([refused.error.code, refused.error.retry], ["draining", "after"]);
  assertEquals((await peer.ask("ping")).ok, true);
  assertEquals((await peer.ask("health")).ok, true);
  slow.open();
  assertEquals((await peer.hear()).id, "a");
  await within(drained, "the server to drain");
  assertEquals([server.connections, logged], [0, []]);
  assertEquals(await peer.rest(), []);
});

Deno.test("Server.drain() waits until the replies are read", async () => {
  let answered = 0;
  await using server = await serve({ answer: () => (answered++, largeAnswer()) });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...LARGE);
  await until(() => answered === LARGE.length, "they are answered");
  const drained = server.drain(60_000);
  assertEquals((await peer.rest()).map(({ body }) => body.text.length), [4e6, 4e6, 4e6]);
  await within(drained, "the server to drain");
});

Deno.test("Server.drain() waits no longer than `ms`", async () => {
  const slow = gatedAnswer();
  await using server = await serve({ answer: slow.answer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say({ v: 1, id: "a", type: "slow" });
  await until(() => slow.asked() === 1, "it is asked");
  await within(server.drain(50), "the server to give up");
  assertEquals(await peer.rest(), []);
  slow.open();
});

Deno.test("Server hangs up on a connection that arrives while it closes", async () => {
  const coming = Promise.withResolvers<Connection>();
  let closed = false;
  const conn: Connection = {
    read: () => new Promise(() => {}),
    write: (bytes) => Promise.resolve(bytes.length),
    setNoDelay: () => {},
    close: () => void (closed = true),
  };
  const listen: Net["listen"] = () => ({
    addr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    accept: () => coming.promise,
    close: () => {},
  });
  const server = await serve({ system: { ...SYSTEM, net: { ...SYSTEM.net, listen } } });
  coming.resolve(conn);
  await server[Symbol.asyncDispose]();
  assertEquals([closed, server.connections], [true, 0]);
});

Deno.test("Server names the port that is taken", async () => {
  await using server = await serve();
  const { port } = server.address;
  const error = await assertRejects(() => serve({ port }), ExitError);
  assertEquals([error.reason, error.exitCode], ["port_busy", 69]);
  assert(error.message.includes(`127.0.0.1:${port}`));
  assertThrows(() => Deno.listen({ hostname: "127.0.0.1", port }), Deno.errors.AddrInUse);
});
