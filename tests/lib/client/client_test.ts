import { assert, assertEquals, assertRejects } from "@std/assert";
import { importSecret } from "../../../lib/wire/auth.ts";
import { type Address, addressText } from "../../../lib/address.ts";
import { Client } from "../../../lib/client/client.ts";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { LIMITS, tooManyConnections } from "../../../lib/wire/limits.ts";
import { type Request, toWire } from "../../../lib/wire/protocol.ts";
import { sleep } from "../../../lib/retry.ts";
import { type Net, SYSTEM } from "../../../lib/system.ts";
import { acceptLogin, FakeServer } from "../../harness/fake_server.ts";
import { type Message, RawPeer } from "../../harness/raw_peer.ts";
import { OTHER_SECRET, SECRET } from "../../harness/secrets.ts";
import { serve } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";

const secret = await importSecret(SECRET);
const LONG = { timeoutMs: 60_000 };

const connect = (address: Address, role = "echo"): Promise<Client> =>
  Client.connect({ address, secret, role });

async function refusal(promise: Promise<unknown>): Promise<CodedError> {
  return await within(assertRejects(() => promise, CodedError), "a refusal");
}

/** A server that lets the client in and then does as told. */
function afterLogin(script: (peer: RawPeer) => Promise<void>): FakeServer {
  return new FakeServer(async (peer) => {
    await acceptLogin(peer);
    await script(peer);
  });
}

const ok = (id: string, body: Message = {}): Message => ({ v: 1, id, ok: true, body });
const failed = (id: string | undefined, code: ErrorCode): Message => ({
  v: 1,
  id,
  ok: false,
  error: { code, message: "Told so", retry: "no", maybe_done: false },
});

Deno.test("Client asks and is answered", async () => {
  await using server = await serve();
  using client = await connect(server.address);
  assertEquals(client.welcome?.name, "echo-1");
  assertEquals(await client.call("say", { text: "ü🙂" }, LONG), { text: "ü🙂" });
  assertEquals(client.inFlight, 0);
});

Deno.test("Client throws the error that the server answers", async () => {
  const told = new CodedError("queue_full", "Later", { afterMs: 7, details: ["a: b"] });
  await using server = await serve({ answer: () => Promise.reject(told) });
  using client = await connect(server.address);
  const error = await refusal(client.call("say", {}, LONG));
  for (const key of ["code", "message", "afterMs", "maybeDone", "details"] as const) {
    assertEquals(error[key], told[key]);
  }
  assertEquals(await client.call("ping", {}, LONG), {});
});

Deno.test("Client sends the id that it is given, the body and the time that is left", async () => {
  const seen: Request[] = [];
  await using server = await serve({
    answer: (request) => {
      seen.push(request);
      return Promise.resolve({});
    },
  });
  using client = await connect(server.address);
  await client.call("say", { a: 1 }, { id: "t7.collect.0", timeoutMs: 1234.9 });
  await client.call("say", {}, { timeoutMs: 50_000 });
  await client.call("say", {}, { timeoutMs: 50_000 });
  assertEquals(seen[0], {
    v: 1,
    id: "t7.collect.0",
    type: "say",
    timeout_ms: 1234,
    body: { a: 1 },
  });
  assert(seen[1].id !== seen[2].id);
});

Deno.test("Client matches replies to requests by id, in whatever order they come", async () => {
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

Deno.test("Client refuses to wait twice at once for one id", async () => {
  await using server = await serve();
  using client = await connect(server.address);
  const first = client.call("say", {}, { id: "a", ...LONG });
  await assertRejects(() => client.call("say", {}, { id: "a", ...LONG }), TypeError);
  await first;
  await client.call("say", {}, { id: "a", ...LONG });
});

Deno.test("Client passes over a reply to nothing and a second reply", async () => {
  await using server = afterLogin(async (peer) => {
    const { id } = await peer.hear();
    await peer.say(ok("nobody"), failed("nothing", "busy"), ok(id, { n: 1 }), ok(id, { n: 2 }));
    await peer.say(ok((await peer.hear()).id, { n: 3 }));
  });
  using client = await connect(server.address);
  assertEquals(await client.call("say", {}, LONG), { n: 1 });
  assertEquals(await client.call("say", {}, LONG), { n: 3 });
});

Deno.test("Client hangs up when replies to nothing go on", async () => {
  await using server = afterLogin(async (peer) => {
    await peer.hear();
    for (let n = 0; n < 4; n++) await peer.say(ok(`nobody-${n}`));
  });
  using client = await connect(server.address);
  const error = await refusal(client.call("say", {}, LONG));
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
});

Deno.test("Client gives up a request after its time, and passes over the late reply", async () => {
  const late: string[] = [];
  await using server = afterLogin(async (peer) => {
    for (let n = 0; n < 10; n++) late.push((await peer.hear()).id);
    const { id } = await peer.hear();
    await peer.say(...late.map((id) => ok(id)), ok(id, { in: "time" }));
  });
  using client = await connect(server.address);
  const given = Array.from(
    { length: 10 },
    () => refusal(client.call("say", {}, { timeoutMs: 20 })),
  );
  for (const error of await Promise.all(given)) {
    assertEquals([error.code, error.maybeDone], ["deadline_exceeded", true]);
  }
  assertEquals(client.inFlight, 0);
  assertEquals(await client.call("say", {}, LONG), { in: "time" });
});

Deno.test("Client tells everyone who waits when the server hangs up", async () => {
  for (const before of ["", '{"v":1,"id":"a","ok":true,"bo']) {
    await using server = afterLogin(async (peer) => {
      await peer.hear();
      await peer.hear();
      await peer.send(before);
      peer[Symbol.dispose]();
    });
    using client = await connect(server.address);
    const calls = ["a", "b"].map((id) => refusal(client.call("say", {}, { id, ...LONG })));
    for (const error of await Promise.all(calls)) {
      assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
    }
    assertEquals((await client.closed).code, "agent_unreachable");
    assertEquals((await refusal(client.call("say", {}, LONG))).code, "agent_unreachable");
  }
});

Deno.test("Client hangs up on what is no reply", async () => {
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
    const error = await refusal(client.call("say", {}, { id: "a", ...LONG }));
    assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
  }
});

Deno.test("Client hangs up on a reply without an end", async () => {
  await using server = afterLogin(async (peer) => {
    await peer.hear();
    const block = "x".repeat(1024 * 1024);
    for (let n = 0; n < 100; n++) await peer.send(block);
  });
  using client = await connect(server.address);
  const error = await refusal(client.call("say", {}, LONG));
  assertEquals(error.code, "agent_unreachable");
  assert(error.message.includes("more than 4194304 bytes"), error.message);
});

Deno.test("Client takes what the server says of the whole connection for nobody's answer", async () => {
  await using server = afterLogin(async (peer) => {
    await peer.hear();
    await peer.say(failed(undefined, "line_too_long"));
  });
  using client = await connect(server.address);
  const error = await refusal(client.call("say", {}, LONG));
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
  assert(error.message.includes("Told so"), error.message);
});

Deno.test("Client does not send what would end the connection for others", async () => {
  const slow = Promise.withResolvers<void>();
  await using server = await serve({
    limits: { line_bytes: 2000 },
    answer: ({ type }) => type === "slow" ? slow.promise.then(() => ({})) : Promise.resolve({}),
  });
  using client = await connect(server.address);
  const other = client.call("slow", {}, LONG);
  const error = await refusal(client.call("say", { text: "ü".repeat(1000) }, LONG));
  assertEquals([error.code, error.maybeDone], ["line_too_long", false]);
  slow.resolve();
  assertEquals(await other, {});
  assertEquals(client.inFlight, 0);
});

Deno.test({
  name: "Client.connect() says when nobody is there",
  sanitizeResources: false, // Deno 2.7 leaves a handle behind when `Deno.connect` with a signal fails
  async fn() {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = listener.addr;
    listener.close();
    await sleep(0); // the port is free one turn later
    const error = await refusal(connect(address));
    assertEquals([error.code, error.maybeDone], ["agent_unreachable", false]);
    assert(error.message.includes(addressText(address)), error.message);
    const unknown = await refusal(connect({ hostname: "no-such-host.invalid", port: 1 }));
    assertEquals(unknown.code, "agent_unreachable");
  },
});

Deno.test("Client.connect() says when somebody is there and says nothing", async () => {
  await using server = new FakeServer(async (peer) => void await peer.hear());
  const error = await refusal(
    Client.connect({ address: server.address, secret, role: "echo", connectMs: 50 }),
  );
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", false]);
});

Deno.test("Client.connect() gives the reason for which it is turned away", async () => {
  const told = toWire(tooManyConnections("connections_before_auth"), String);
  await using server = new FakeServer((peer) => peer.say({ v: 1, ok: false, error: told }));
  const error = await refusal(
    Client.connect({ address: server.address, secret, role: "echo", connectMs: 300 }),
  );
  assertEquals([error.code, error.afterMs], ["busy", 50]);
});

Deno.test("Client.connect() has one time for the connection, hello and auth", async () => {
  await using server = await serve();
  const STEP_MS = 100;
  let ms = 0;
  const given: number[] = [];
  const connect: Net["connect"] = async (options) => {
    const conn = await SYSTEM.net.connect(options);
    ms += STEP_MS;
    return {
      read: (into) => conn.read(into),
      write: (bytes) => {
        given.push(JSON.parse(new TextDecoder().decode(bytes)).timeout_ms);
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
  assertEquals(given, [1_900, 1_800]);
});

Deno.test("Client.connect() trusts no server of another role", async () => {
  await using server = await serve({ role: "reporter" });
  const error = await refusal(connect(server.address));
  assertEquals(error.code, "auth_failed");
  assert(error.message.includes('it is "reporter", not "echo"'), error.message);
});

Deno.test("Client.connect() trusts no server with another secret and proves nothing to it", async () => {
  const heard: string[] = [];
  await using server = new FakeServer(async (peer) => {
    const script = acceptLogin(peer, { secret: OTHER_SECRET });
    await script.then(() => heard.push("a proof"), () => heard.push("hung up"));
  });
  const error = await refusal(connect(server.address));
  assertEquals(error.code, "auth_failed");
  await until(() => heard.length > 0, "the server is through");
  assertEquals(heard, ["hung up"]);
  await using honest = await serve({ secret: OTHER_SECRET });
  assertEquals((await refusal(connect(honest.address))).code, "auth_failed");
});

Deno.test("Client.connect() sends no proof to a server that has none", async () => {
  const heard: string[] = [];
  await using server = new FakeServer(async (peer) => {
    const hello = await peer.hear();
    await peer.say(ok(hello.id, {
      role: "echo",
      name: "echo-1",
      version: "1.0.0",
      protocols: [1],
      nonce: hello.body.nonce,
      proof: hello.body.nonce,
      limits: (await serveLimits()).limits,
    }));
    heard.push(await peer.line() ?? "hung up");
  });
  assertEquals((await refusal(connect(server.address))).code, "auth_failed");
  await until(() => heard.length > 0, "the server is through");
  assertEquals(heard, ["hung up"]);
});

/** What a real server says of itself. */
async function serveLimits(): Promise<Message> {
  await using server = await serve();
  using client = await connect(server.address);
  return client.welcome;
}

Deno.test("Client.connect() trusts no server whose hello it can't read", async () => {
  await using server = new FakeServer(async (peer) => {
    await peer.say(ok((await peer.hear()).id, { role: "echo" }));
  });
  const error = await refusal(connect(server.address));
  assertEquals(error.code, "auth_failed");
  assert(error.message.includes("does not speak baton/1"), error.message);
});

Deno.test("Client.connect() reads no more than a hello takes before it knows who answers", async () => {
  await using server = new FakeServer(async (peer) => {
    const { id } = await peer.hear();
    await peer.say(ok(id, { protocols: Array(30_000).fill("") }));
  });
  const { message } = await refusal(connect(server.address));
  assert(message.includes("more than 65536 bytes"), message);
});

Deno.test("Client.connect() says which versions meet where the server speaks another one", async () => {
  for (const v of [1, 2]) {
    await using server = new FakeServer(async (peer) => {
      const { id } = await peer.hear();
      const message = "Cannot speak version 1: this server speaks 2";
      const error = { code: "unsupported_version", message, retry: "no", maybe_done: false };
      await peer.say({ v, id, ok: false, error });
      await peer.line();
    });
    const { message } = await refusal(connect(server.address));
    assert(/version 1.* 2|version 2.* 1/.test(message), message);
  }
});

Deno.test("Client.open() asks for health without the secret and for nothing else", async () => {
  await using server = await serve();
  using client = await Client.open(server.address);
  assertEquals(await client.call("health", {}, LONG), { status: "ok", role: "echo" });
  assertEquals((await refusal(client.call("say", {}, LONG))).code, "auth_required");
});

Deno.test("Client tells everyone who waits when it is closed itself", async () => {
  await using server = await serve({ answer: () => sleep(60_000).then(() => ({})) });
  const client = await connect(server.address);
  const waiting = refusal(client.call("say", {}, LONG));
  client.close();
  client.close();
  assertEquals((await waiting).code, "agent_unreachable");
  await until(() => server.connections <= 1, "the server has seen it");
});

Deno.test("addressText() puts brackets around IPv6", () => {
  assertEquals(addressText({ hostname: "collector", port: 1 }), "collector:1");
  assertEquals(addressText({ hostname: "::1", port: 7100 }), "[::1]:7100");
});

Deno.test("Client holds to the usual limit where a server tells none", async () => {
  await using server = new FakeServer((peer) =>
    acceptLogin(peer, { more: { limits: { depth: 20 } } })
  );
  using client = await connect(server.address);
  assertEquals(client.welcome?.limits, { ...LIMITS, depth: 20 });
});
