import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { importSecret, makeNonce } from "../../../lib/wire/auth.ts";
import type { Address } from "../../../lib/address.ts";
import { Client } from "../../../lib/client/client.ts";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { ExitError } from "../../../lib/exit.ts";
import { claimPorts } from "../../../lib/launch/ports.ts";
import { Link } from "../../../lib/client/link.ts";
import { sleep } from "../../../lib/retry.ts";
import { loopbackPort } from "../../../lib/roles.ts";
import type { System } from "../../../lib/system.ts";
import { PrivateCa, tlsTest } from "./private_ca.ts";
import { FakeServer, hangUp } from "../../harness/fake_server.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { quiet, recordLog } from "../../harness/recorded_log.ts";
import { OTHER_SECRET, SECRET } from "../../harness/secrets.ts";
import { serve, serveAgain } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";

// Seen to catch: names that are not compared, a fallback to plain text, TLS that is read as a line, a
// handshake without an end, a session that waits for a write that Deno 2.7 never ends.

const secret = importSecret(SECRET);
const LONG = { timeoutMs: 60_000 };

const connect = (address: Address, system?: System): Promise<Client> =>
  Client.connect({ address, secret, role: "echo", system });

/** Why there is no connection; to say so takes no longer than connecting may. */
async function refusal(
  promise: Promise<Client>,
  expected: ErrorCode = "agent_unreachable",
): Promise<string> {
  const { code, message } = await within(assertRejects(() => promise, CodedError), "a refusal");
  assertEquals(code, expected);
  assertEquals(message.includes("\n"), false, message);
  return message;
}

async function loggedIn(address: Address, ca: string): Promise<RawPeer<Deno.TlsConn>> {
  const peer = await RawPeer.overTls(address, ca);
  assertEquals((await peer.logIn()).ok, true);
  return peer;
}

tlsTest("Client and Server speak over TLS with a private CA", async (ca) => {
  const system = await ca.system();
  await using server = await serve({ system });
  using client = await connect(server.address, system);
  assertEquals(await client.call("say", { text: "ü🙂" }, LONG), { text: "ü🙂" });
  const large = { text: "x".repeat(4_000_000) };
  assertEquals(await client.call("say", large, LONG), large);
  const bodies = Array.from({ length: 60 }, (_, n) => ({ n }));
  assertEquals(await Promise.all(bodies.map((body) => client.call("say", body, LONG))), bodies);
});

tlsTest("Client takes the names in a certificate for what is dialled", async (ca) => {
  const system = await ca.system();
  await using server = await serve({ system });
  const { port } = server.address;
  using _ = await connect({ hostname: "localhost", port }, system);
  await ca.certify("collector", "DNS:collector", 10);
  const renamed = await ca.system();
  await using other = await serve({ system: renamed });
  assertMatch(await refusal(connect(other.address, renamed)), /not valid for name "127.0.0.1"/);
});

tlsTest("Client trusts no certificate of another CA, nor one that is over", async (ca) => {
  await using strange = await PrivateCa.make();
  const system = await ca.system();
  await using server = await serve({ system });
  const wrong = await ca.system({ ca: strange.ca });
  assertMatch(await refusal(connect(server.address, wrong)), /not of the CA in --tls-ca/);
  await ca.certify("collector", "IP:127.0.0.1", -1);
  const expired = await ca.system();
  await using old = await serve({ system: expired });
  assertMatch(await refusal(connect(old.address, expired)), /expired/i);
});

tlsTest("Client that connects with TLS says nothing to a listener without it", async (ca) => {
  const system = await ca.system();
  await using server = await serve();
  assertMatch(await refusal(connect(server.address, system)), /does not speak TLS.*--tls-cert/);
  const heard: Uint8Array[] = [];
  await using spy = new FakeServer(async ({ conn }) => {
    const bytes = new Uint8Array(4096);
    for (let read; (read = await conn.read(bytes)) !== null;) {
      heard.push(bytes.slice(0, read));
      conn.closeWrite();
    }
  });
  const options = { address: spy.address, secret, role: "echo", system, connectMs: 200 };
  assertMatch(await refusal(Client.connect(options), "busy"), /crowded, or does not speak TLS/);
  await until(() => heard.length > 0, "something was heard");
  const text = heard.map((bytes) => new TextDecoder().decode(bytes)).join("");
  assertEquals(heard[0][0], 0x16);
  assertEquals(/hello|nonce|"v"/.test(text), false, text);
});

tlsTest("Client without TLS is told to speak it, and at once", async (ca) => {
  const system = await ca.system();
  await using server = await serve({ system });
  assertMatch(await refusal(connect(server.address)), /read TLS as plain text.*--tls-ca/);
  using client = await Client.open(server.address);
  const health = await assertRejects(() => client.call("health", {}, LONG), CodedError);
  assertMatch(health.message, /read TLS as plain text.*--tls-ca/);
  using good = await connect(server.address, system);
  assertEquals(await good.call("ping", {}, LONG), {});
});

tlsTest("Server without TLS hangs up on a handshake without waiting for a line", async () => {
  await using server = await serve({ limits: { auth_ms: 60_000 } });
  using peer = await RawPeer.connect(server.address);
  await peer.send(new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
  const [last, ...more] = await peer.rest();
  assertEquals([last.id, last.error.code, more], [undefined, "bad_json", []]);
});

tlsTest("Client gives up a listener that never shakes hands", async (ca) => {
  const system = await ca.system();
  await using server = new FakeServer(() => new Promise(() => {}));
  const options = { address: server.address, secret, role: "echo", system, connectMs: 200 };
  assertMatch(await refusal(Client.connect(options)), /no answer in 200 ms/);
});

tlsTest("Client keeps few connections to a listener that never shakes hands", async (ca) => {
  const system = await ca.system();
  const ended = Promise.withResolvers<void>();
  let open = 0;
  await using server = new FakeServer(async (peer) => {
    open++;
    await ended.promise;
    hangUp(peer);
  });
  const options = { address: server.address, secret, role: "echo", system, connectMs: 20 };
  const tryIt = () => Client.connect(options);
  for (let n = 0; n < 32; n++) assertMatch(await refusal(tryIt()), /no answer in 20 ms/);
  assertMatch(await refusal(tryIt()), /left 32 TLS handshakes without an end/);
  await until(() => open === 32, "all were there");
  ended.resolve();
  const message = async (): Promise<string> => {
    await sleep(1); // in which the ends arrive
    return (await assertRejects(tryIt, CodedError)).message;
  };
  const begun = performance.now();
  while (/without an end/.test(await message())) {
    assert(performance.now() - begun < 20_000, "it is not tried any more");
  }
});

tlsTest("Link over TLS comes back when its agent does", async (ca) => {
  const system = await ca.system();
  const first = await serve({ system });
  const { port } = first.address;
  await using link = new Link({
    role: "echo",
    addresses: [first.address],
    secret,
    log: quiet,
    system,
  });
  assertEquals(await link.call("say", { a: 1 }, { id: "a", timeoutMs: 5_000 }), { a: 1 });
  await first[Symbol.asyncDispose]();
  await until(() => !link.up, "the link has seen it");
  await using _ = await serveAgain({ system, port });
  await until(() => link.up, "the link is up again");
  assertEquals(await link.call("say", { a: 2 }, { id: "b", timeoutMs: 5_000 }), { a: 2 });
});

tlsTest("Session over TLS lets nobody in without the secret", async (ca) => {
  const system = await ca.system();
  await using server = await serve({ system });
  using peer = await RawPeer.overTls(server.address, ca.ca);
  assertEquals((await peer.ask("say")).error.code, "auth_required");
  assertEquals((await peer.logIn(OTHER_SECRET)).error.code, "auth_failed");
  assertEquals(await peer.rest(), []);
  assertEquals(server.stats().auth_failures, 1);
});

tlsTest(
  "Session over TLS answers what is in flight after the peer has closed its side",
  async (ca) => {
    const gate = Promise.withResolvers<Record<string, never>>();
    let asked = 0;
    const answer = () => (asked++, gate.promise);
    await using server = await serve({ system: await ca.system(), answer });
    using peer = await loggedIn(server.address, ca.ca);
    await peer.say({ v: 1, id: "a", type: "slow" }, { v: 1, id: "b", type: "slow" });
    await peer.conn.closeWrite();
    await until(() => asked === 2, "both are asked");
    gate.resolve({});
    assertEquals((await peer.rest()).map(({ id }) => id).sort(), ["a", "b"]);
    await until(() => server.connections === 0, "the connection is given back");
  },
);

tlsTest("Server.drain() over TLS resolves when its connections are gone", async (ca) => {
  await using server = await serve({ system: await ca.system() });
  using _ = await loggedIn(server.address, ca.ca);
  await within(server.drain(60_000), "the server to drain");
  assertEquals(server.connections, 0);
});

tlsTest("Session over TLS drops a peer that reads nothing", async (ca) => {
  const { log, logged } = recordLog();
  await using server = await serve({
    system: await ca.system(),
    answer: () => Promise.resolve({ text: "x".repeat(1_000_000) }),
    limits: { write_ms: 300 },
    log,
  });
  using peer = await loggedIn(server.address, ca.ca);
  await peer.say(...Array.from({ length: 15 }, (_, n) => ({ v: 1, id: `n${n}`, type: "large" })));
  await until(() => logged.some(({ event }) => event === "connection_closed"), "it is dropped");
  assert(String(logged[0].fields.reason).includes("was not read within 300 ms"));
  await until(() => server.connections === 0, "the connection is given back");
  const replies = await peer.rest();
  assert(replies.length < 15, `${replies.length} replies came all the same`);
});

tlsTest("Session over TLS hangs up on a flood without a line end", async (ca) => {
  const limits = { line_bytes: 100_000 };
  await using server = await serve({ system: await ca.system(), limits });
  using peer = await loggedIn(server.address, ca.ca);
  const block = new Uint8Array(1024 * 1024).fill(0x78);
  const flooding = (async () => {
    for (let n = 0; n < 100; n++) await peer.send(block);
  })();
  const flooded = assertRejects(() => within(flooding, "the flood to be stopped"));
  await until(() => server.connections === 0, "the connection is given back");
  await flooded;
});

tlsTest(
  "Server over TLS hangs up on who proves nothing in time, even without a handshake",
  async (ca) => {
    const system = await ca.system();
    await using server = await serve({
      system,
      limits: { auth_ms: 300, connections_before_auth: 3 },
    });
    using _silent = await RawPeer.connect(server.address);
    using half = await RawPeer.connect(server.address);
    await half.send(new Uint8Array([0x16, 3, 1]));
    using talker = await RawPeer.overTls(server.address, ca.ca);
    await talker.ask("hello", { nonce: makeNonce() });
    const [last] = await talker.rest();
    assertEquals([last.id, last.error.code], [undefined, "auth_required"]);
    await until(() => server.connections === 0, "the connections are given back");
    using client = await connect(server.address, system);
    assertEquals(await client.call("ping", {}, LONG), {});
  },
);

tlsTest("Server over TLS hangs up on who is idle, or does not end a line", async (ca) => {
  const limits = { idle_ms: 400, line_ms: 300 };
  await using server = await serve({ system: await ca.system(), limits });
  using idle = await loggedIn(server.address, ca.ca);
  using half = await loggedIn(server.address, ca.ca);
  await half.send('{"v":1,"id":"a"');
  const [why] = await half.rest();
  assertMatch(why.error.message, /a line did not end within 300 ms/);
  const [last] = await idle.rest();
  assertMatch(last.error.message, /nothing was asked for 400 ms/);
});

tlsTest("Server over TLS keeps silent connections from keeping others out", async (ca) => {
  const system = await ca.system();
  await using server = await serve({
    system,
    limits: { connections: 20, connections_before_auth: 4 },
  });
  using stack = new DisposableStack();
  for (let n = 0; n < 40; n++) stack.use(await RawPeer.connect(server.address));
  using client = await connect(server.address, system);
  assertEquals(await client.call("ping", {}, LONG), {});
  await until(() => server.connections <= 5, "the silent ones are let go");
});

tlsTest("Server over TLS lets go of peers that stay, whatever they have said", async (ca) => {
  await using server = await serve({
    system: await ca.system(),
    answer: () => Promise.resolve({ text: "x".repeat(4_000_000) }),
    limits: { auth_ms: 300, write_ms: 300 },
  });
  using stack = new DisposableStack();
  const stayed: RawPeer<Deno.Conn>[] = [];
  for (const said of [[], [0x16, 3, 1], [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]]) {
    const peer = stack.use(await RawPeer.connect(server.address));
    await peer.send(new Uint8Array(said));
    stayed.push(peer);
  }
  stayed.push(stack.use(await RawPeer.overTls(server.address, ca.ca)));
  const deaf = stack.use(await loggedIn(server.address, ca.ca));
  await deaf.say(...Array.from({ length: 4 }, (_, n) => ({ v: 1, id: `n${n}`, type: "large" })));
  await until(() => server.connections === 0, "the connections are given back");
  // None of them has hung up: that they see the end says that their sockets are closed.
  for (const peer of stayed) await peer.rest();
  const replies = await deaf.rest();
  assert(replies.length < 4, `${replies.length} replies came all the same`);
});

tlsTest("TlsListener serves nobody who comes to its port on the loopback", async (ca) => {
  const system = await ca.system();
  using ports = claimPorts();
  const [port, hostname] = [ports.orchestrator, "127.0.0.1"];
  {
    await using server = await serve({ system, port });
    using stack = new DisposableStack();
    const strangers = [];
    for (let n = 0; n < 3; n++) {
      strangers.push(stack.use(await RawPeer.connect({ hostname, port: loopbackPort(port) })));
    }
    using client = await connect(server.address, system);
    assertEquals(await client.call("ping", {}, LONG), {});
    assertEquals(server.connections, 1);
  }
  using _taken = Deno.listen({ hostname, port: loopbackPort(port) });
  const busy = await assertRejects(() => serve({ system, port }), ExitError);
  assertEquals(busy.reason, "port_busy");
  assertStringIncludes(busy.message, `${hostname}:${loopbackPort(port)}, which TLS takes besides`);
  Deno.listen({ hostname, port }).close(); // and keeps nothing
});

tlsTest("Server.drain() over TLS lets a slow peer read its answer", async (ca) => {
  let asked = 0;
  const answer = () => (asked++, Promise.resolve({ text: "x".repeat(4_000_000) }));
  await using server = await serve({ system: await ca.system(), answer });
  using peer = await loggedIn(server.address, ca.ca);
  await peer.say({ v: 1, id: "a", type: "large" });
  await until(() => asked === 1, "it is asked");
  const drained = server.drain(60_000);
  assertEquals((await peer.hear()).body.text.length, 4_000_000);
  await within(drained, "the server to drain");
});

tlsTest("Server.drain() over TLS answers what is in flight, then hangs up", async (ca) => {
  const gate = Promise.withResolvers<Record<string, never>>();
  let asked = 0;
  const answer = () => (asked++, gate.promise);
  await using server = await serve({ system: await ca.system(), answer });
  using peer = await loggedIn(server.address, ca.ca);
  await peer.say({ v: 1, id: "a", type: "slow" });
  await until(() => asked === 1, "it is asked");
  const drained = server.drain(60_000);
  assertEquals((await peer.ask("say")).error.code, "draining");
  gate.resolve({});
  assertEquals((await peer.hear()).id, "a");
  await within(drained, "the server to drain");
  assertEquals(await peer.rest(), []);
});
