import { assert, assertEquals, assertRejects } from "@std/assert";
import { addressText } from "../../../lib/address.ts";
import { Client } from "../../../lib/client/client.ts";
import { CodedError } from "../../../lib/errors.ts";
import { tooManyConnections } from "../../../lib/wire/limits.ts";
import { type Request, toWire } from "../../../lib/wire/protocol.ts";
import { sleep } from "../../../lib/retry.ts";
import { type Net, SYSTEM } from "../../../lib/system.ts";
import { FakeServer } from "../../harness/fake_server.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { afterLogin, connect, failed, LONG, ok, rejection, secret } from "./client_harness.ts";

Deno.test("Client sends a request and returns the body of its reply", async () => {
  await using server = await serve();
  using client = await connect(server.address);
  assertEquals(client.welcome?.name, "echo-1");
  assertEquals(await client.call("say", { text: "ü🙂" }, LONG), { text: "ü🙂" });
  assertEquals(client.inFlight, 0);
});

Deno.test("Client throws the error in a reply", async () => {
  const sent = new CodedError("queue_full", "Later", { afterMs: 7, details: ["a: b"] });
  await using server = await serve({ answer: () => Promise.reject(sent) });
  using client = await connect(server.address);
  const error = await rejection(client.call("say", {}, LONG));
  for (const key of ["code", "message", "afterMs", "maybeDone", "details"] as const) {
    assertEquals(error[key], sent[key]);
  }
  assertEquals(await client.call("ping", {}, LONG), {});
});

Deno.test("Client sends the id, the body and the timeout that it was called with", async () => {
  const requests: Request[] = [];
  await using server = await serve({
    answer: (request) => {
      requests.push(request);
      return Promise.resolve({});
    },
  });
  using client = await connect(server.address);
  await client.call("say", { a: 1 }, { id: "t7.collect.0", timeoutMs: 1234.9 });
  await client.call("say", {}, { timeoutMs: 50_000 });
  await client.call("say", {}, { timeoutMs: 50_000 });
  assertEquals(requests[0], {
    v: 1,
    id: "t7.collect.0",
    type: "say",
    timeout_ms: 1234,
    body: { a: 1 },
  });
  assert(requests[1].id !== requests[2].id);
});

Deno.test("Client matches replies to requests by id, in any order", async () => {
  await using server = afterLogin(async (peer) => {
    const asked = [await peer.hear(), await peer.hear(), await peer.hear()];
    await peer.say(...asked.reverse().map(({ id }) => ok(id, { answers: id })));
  });
  using client = await connect(server.address);
  const ids = ["one", "two", "three"];
  const replies = await Promise.all(ids.map((id) => client.call("say", {}, { id, ...LONG })));
  assertEquals(replies, ids.map((id) => ({ answers: id })));
});

Deno.test("Client carries a thousand requests at once", async () => {
  await using server = await serve({ limits: { in_flight: 1000 } });
  using client = await connect(server.address);
  const bodies = Array.from({ length: 1000 }, (_, n) => ({ n }));
  assertEquals(await Promise.all(bodies.map((body) => client.call("say", body, LONG))), bodies);
});

Deno.test("Client rejects a second request with the id of a pending one", async () => {
  await using server = await serve();
  using client = await connect(server.address);
  const first = client.call("say", {}, { id: "a", ...LONG });
  await assertRejects(() => client.call("say", {}, { id: "a", ...LONG }), TypeError);
  await first;
  await client.call("say", {}, { id: "a", ...LONG });
});

Deno.test("Client ignores a reply to an unknown id and a second reply", async () => {
  await using server = afterLogin(async (peer) => {
    const { id } = await peer.hear();
    await peer.say(ok("nobody"), failed("nothing", "busy"), ok(id, { n: 1 }), ok(id, { n: 2 }));
    await peer.say(ok((await peer.hear()).id, { n: 3 }));
  });
  using client = await connect(server.address);
  assertEquals(await client.call("say", {}, LONG), { n: 1 });
  assertEquals(await client.call("say", {}, LONG), { n: 3 });
});

Deno.test("Client hangs up after four replies to unknown ids", async () => {
  await using server = afterLogin(async (peer) => {
    await peer.hear();
    for (let n = 0; n < 4; n++) await peer.say(ok(`nobody-${n}`));
  });
  using client = await connect(server.address);
  const error = await rejection(client.call("say", {}, LONG));
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
});

Deno.test("Client gives up a request after its timeout, and ignores the late reply", async () => {
  const late: string[] = [];
  await using server = afterLogin(async (peer) => {
    for (let n = 0; n < 10; n++) late.push((await peer.hear()).id);
    const { id } = await peer.hear();
    await peer.say(...late.map((id) => ok(id)), ok(id, { in: "time" }));
  });
  using client = await connect(server.address);
  const calls = Array.from(
    { length: 10 },
    () => rejection(client.call("say", {}, { timeoutMs: 20 })),
  );
  for (const error of await Promise.all(calls)) {
    assertEquals([error.code, error.maybeDone], ["deadline_exceeded", true]);
  }
  assertEquals(client.inFlight, 0);
  assertEquals(await client.call("say", {}, LONG), { in: "time" });
});

Deno.test("Client rejects all pending requests when the server hangs up", async () => {
  for (const before of ["", '{"v":1,"id":"a","ok":true,"bo']) {
    await using server = afterLogin(async (peer) => {
      await peer.hear();
      await peer.hear();
      await peer.send(before);
      peer[Symbol.dispose]();
    });
    using client = await connect(server.address);
    const calls = ["a", "b"].map((id) => rejection(client.call("say", {}, { id, ...LONG })));
    for (const error of await Promise.all(calls)) {
      assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
    }
    assertEquals((await client.closed).code, "agent_unreachable");
    assertEquals((await rejection(client.call("say", {}, LONG))).code, "agent_unreachable");
  }
});

Deno.test("Client hangs up on a line that is no reply", async () => {
  for (
    const garbage of [
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      "\n",
      "{}\n",
      "[]\n",
      "\u0000\n",
      '{"v":1,"id":"a","type":"ping"}\n',
      '{"v":2,"id":"a","ok":true,"body":{}}\n',
      new Uint8Array([0xff, 0xfe, 0x0a]),
      "[".repeat(100_000) + "\n",
    ]
  ) {
    await using server = afterLogin(async (peer) => {
      await peer.hear();
      await peer.send(garbage);
    });
    using client = await connect(server.address);
    const error = await rejection(client.call("say", {}, { id: "a", ...LONG }));
    assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
  }
});

Deno.test("Client hangs up on a reply that does not end", async () => {
  await using server = afterLogin(async (peer) => {
    await peer.hear();
    const block = "x".repeat(1024 * 1024);
    for (let n = 0; n < 100; n++) await peer.send(block);
  });
  using client = await connect(server.address);
  const error = await rejection(client.call("say", {}, LONG));
  assertEquals(error.code, "agent_unreachable");
  assert(error.message.includes("more than 4194304 bytes"), error.message);
});

Deno.test("Client takes an error without an id for the end of the connection, not for a reply", async () => {
  await using server = afterLogin(async (peer) => {
    await peer.hear();
    await peer.say(failed(undefined, "line_too_long"));
  });
  using client = await connect(server.address);
  const error = await rejection(client.call("say", {}, LONG));
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
  assert(error.message.includes("Told so"), error.message);
});

Deno.test("Client does not send a line that is too long for the server", async () => {
  const slow = Promise.withResolvers<void>();
  await using server = await serve({
    limits: { line_bytes: 2000 },
    answer: ({ type }) => type === "slow" ? slow.promise.then(() => ({})) : Promise.resolve({}),
  });
  using client = await connect(server.address);
  const other = client.call("slow", {}, LONG);
  const error = await rejection(client.call("say", { text: "ü".repeat(1000) }, LONG));
  assertEquals([error.code, error.maybeDone], ["line_too_long", false]);
  slow.resolve();
  assertEquals(await other, {});
  assertEquals(client.inFlight, 0);
});

Deno.test({
  name: "Client.connect() reports an address where nobody listens",
  sanitizeResources: false, // Deno 2.7 leaves a handle behind when `Deno.connect` with a signal fails
  async fn() {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = listener.addr;
    listener.close();
    await sleep(0); // the port is free one turn later
    const error = await rejection(connect(address));
    assertEquals([error.code, error.maybeDone], ["agent_unreachable", false]);
    assert(error.message.includes(addressText(address)), error.message);
    const unknown = await rejection(connect({ hostname: "no-such-host.invalid", port: 1 }));
    assertEquals(unknown.code, "agent_unreachable");
  },
});

Deno.test("Client.connect() gives up a server that does not answer", async () => {
  await using server = new FakeServer(async (peer) => void await peer.hear());
  const error = await rejection(
    Client.connect({ address: server.address, secret, role: "echo", connectMs: 50 }),
  );
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", false]);
});

Deno.test("Client.connect() throws the reason that the server gives for rejecting it", async () => {
  const error = toWire(tooManyConnections("connections_before_auth"), String);
  await using server = new FakeServer((peer) => peer.say({ v: 1, ok: false, error }));
  const { code, afterMs } = await rejection(
    Client.connect({ address: server.address, secret, role: "echo", connectMs: 1_000 }),
  );
  assertEquals([code, afterMs], ["busy", 50]);
});

Deno.test("Client.connect() shares its time between the connection, hello and auth", async () => {
  await using server = await serve();
  const STEP_MS = 100;
  let ms = 0;
  const timeouts: number[] = [];
  const connect: Net["connect"] = async (options) => {
    const conn = await SYSTEM.net.connect(options);
    ms += STEP_MS;
    return {
      read: (into) => conn.read(into),
      write: (bytes) => {
        timeouts.push(JSON.parse(new TextDecoder().decode(bytes)).timeout_ms);
        ms += STEP_MS;
        return conn.write(bytes);
      },
      setNoDelay: () => {},
      close: () => conn.close(),
    };
  };
  const system = { clock: { ...SYSTEM.clock, now: () => ms }, net: { ...SYSTEM.net, connect } };
  const options = { address: server.address, secret, role: "echo", system };
  using _ = await Client.connect({ ...options, connectMs: 2_000 });
  assertEquals(timeouts, [1_900, 1_800]);
});

Deno.test("Client.open() may ask for health without the secret, and for nothing else", async () => {
  await using server = await serve();
  using client = await Client.open(server.address);
  assertEquals(await client.call("health", {}, LONG), { status: "ok", role: "echo" });
  assertEquals((await rejection(client.call("say", {}, LONG))).code, "auth_required");
});

Deno.test("Client.close() rejects all pending requests", async () => {
  await using server = await serve({ answer: () => sleep(60_000).then(() => ({})) });
  const client = await connect(server.address);
  const waiting = rejection(client.call("say", {}, LONG));
  client.close();
  client.close();
  assertEquals((await waiting).code, "agent_unreachable");
  await until(() => server.connections <= 1, "the server has seen it");
});
