/**
 * Each limit over a real connection: nothing happens at its value; one past it is answered as the
 * protocol says, ends the connection or not, and is counted. Seen to fail if a comparison is off by one,
 * if an exceeded limit is counted as another one or twice, and if a value that is set does not hold.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { importSecret } from "../../../lib/wire/auth.ts";
import { Client } from "../../../lib/client/client.ts";
import { CodedError } from "../../../lib/errors.ts";
import { LIMIT_NAMES, type LimitName, LIMITS, type Limits } from "../../../lib/wire/limits.ts";
import type { Server } from "../../../lib/server/server.ts";
import { type Connection, type Net, SYSTEM, type System } from "../../../lib/system.ts";
import { tlsTest } from "../tls/private_ca.ts";
import { BlockedNetwork } from "./blocked_network.ts";
import { ManualClock } from "../../harness/manual_clock.ts";
import { type Message, RawPeer } from "../../harness/raw_peer.ts";
import { SECRET } from "../../harness/secrets.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";

/** What a case works with. */
interface Site {
  readonly server: Server;
  readonly clock: ManualClock;
  readonly blocked: BlockedNetwork;
  /** Resolves when `count` requests are answered. */
  readonly answered: (count: number) => Promise<void>;
  /** Lets `count` requests of type `hold` be answered, once they have arrived. */
  readonly release: (count: number) => Promise<void>;
  /** Returns a new peer; the case's end disposes it. */
  readonly connect: () => Promise<RawPeer<Deno.Conn>>;
  readonly loggedIn: () => Promise<RawPeer<Deno.Conn>>;
}

interface Case {
  readonly limits: Partial<Limits>;
  /** Goes to the limit; its result is passed to `past`. */
  readonly at: (site: Site) => Promise<RawPeer<Deno.Conn>>;
  /** Goes one past the limit; returns what the peer reads of that. */
  readonly past: (site: Site, peer: RawPeer<Deno.Conn>) => Promise<Message>;
  /** The error's code; none if the connection ends without a last line. */
  readonly code: string | undefined;
  readonly closes: boolean;
}

async function fine(peer: RawPeer<Deno.Conn>, ...parts: string[]): Promise<void> {
  if (parts.length > 0) await peer.send(...parts);
  else await peer.say({ v: 1, id: "p", type: "ping" });
  assertEquals((await peer.hear()).ok, true);
}

/** The next line; `undefined` if the connection ends first. */
async function heard(peer: RawPeer<Deno.Conn>, ...parts: string[]): Promise<Message> {
  await peer.send(...parts);
  return await next(peer);
}

async function next(peer: RawPeer<Deno.Conn>): Promise<Message> {
  const line = await peer.line();
  return line === undefined ? undefined : JSON.parse(line);
}

const PING = '{"v":1,"id":"p","type":"ping"}';
const HELD = '{"v":1,"id":"h","type":"hold"}\n';
/** The length of the reply to `SAY`, its line feed included. */
const ANSWER = '{"v":1,"id":"s","ok":true,"body":{}}\n';
const SAY = '{"v":1,"id":"s","type":"say"}\n';
const nested = (depth: number): string =>
  `{"v":1,"id":"s","type":"say","body":{"a":${"[".repeat(depth - 2)}${"]".repeat(depth - 2)}}}\n`;
const wide = (nodes: number): string => {
  const head = '{"v":1,"id":"s","type":"say","body":{"a":[0';
  return `${head}${",0".repeat(nodes - head.match(/[[{,:]/g)!.length)}]}}\n`;
};
const ofBytes = (bytes: number): string => PING.padEnd(bytes) + "\n";

const CASES: Readonly<Record<LimitName, Case>> = {
  line_bytes: {
    limits: { line_bytes: 5_000 },
    at: async ({ loggedIn }) => {
      const peer = await loggedIn();
      await fine(peer, ofBytes(5_000));
      return peer;
    },
    past: (_, peer) => heard(peer, ofBytes(5_001)),
    code: "line_too_long",
    closes: true,
  },
  line_bytes_before_auth: {
    limits: { line_bytes_before_auth: 300 },
    at: async ({ connect }) => {
      const peer = await connect();
      await fine(peer, ofBytes(300));
      return peer;
    },
    past: (_, peer) => heard(peer, ofBytes(301)),
    code: "line_too_long",
    closes: true,
  },
  depth: {
    limits: { depth: 20 },
    at: async ({ loggedIn }) => {
      const peer = await loggedIn();
      await fine(peer, nested(20));
      return peer;
    },
    past: (_, peer) => heard(peer, nested(21)),
    code: "bad_json",
    closes: true,
  },
  nodes: {
    limits: { nodes: 2_000 },
    at: async ({ loggedIn }) => {
      const peer = await loggedIn();
      await fine(peer, wide(2_000));
      return peer;
    },
    past: (_, peer) => heard(peer, wide(2_001)),
    code: "bad_json",
    closes: true,
  },
  in_flight: {
    limits: { in_flight: 2 },
    at: async ({ loggedIn, release }) => {
      const peer = await loggedIn();
      await peer.send(HELD, HELD);
      await release(2);
      for (let n = 0; n < 2; n++) await fine(peer, "");
      return peer;
    },
    past: async ({ release }, peer) => {
      const refusal = await heard(peer, HELD, HELD, HELD);
      await release(2);
      for (let n = 0; n < 2; n++) await fine(peer, "");
      return refusal;
    },
    code: "too_many_in_flight",
    closes: false,
  },
  connections: {
    limits: { connections: 5, connections_before_auth: 3 },
    at: async ({ loggedIn }) => {
      const first = await loggedIn();
      const second = await loggedIn();
      for (const peer of [first, second]) await fine(peer);
      return first;
    },
    past: async ({ loggedIn, clock }, idlest) => {
      await fine(await loggedIn());
      const told = await next(idlest);
      clock.pass(500);
      return told;
    },
    code: "busy",
    closes: true,
  },
  connections_before_auth: {
    limits: { connections_before_auth: 3 },
    at: async ({ connect }) => {
      const oldest = await connect();
      await fine(oldest);
      for (let n = 0; n < 2; n++) await fine(await connect());
      await fine(oldest);
      return oldest;
    },
    past: async ({ connect, clock }, oldest) => {
      const newest = await connect();
      await fine(newest);
      const told = await next(oldest);
      clock.pass(500);
      return told;
    },
    code: "busy",
    closes: true,
  },
  requests_before_auth: {
    limits: { requests_before_auth: 4 },
    at: async ({ connect }) => {
      for (const type of ["ping", "no such thing"]) {
        const peer = await connect();
        for (let n = 0; n < 2; n++) await peer.ask(type);
        assertEquals((await peer.logIn()).ok, true);
        for (let n = 0; n < 9; n++) await fine(peer);
      }
      const peer = await connect();
      for (let n = 0; n < 4; n++) await fine(peer);
      return peer;
    },
    past: (_, peer) => heard(peer, `${PING}\n`),
    code: "auth_required",
    closes: true,
  },
  auth_ms: {
    limits: { auth_ms: 3_000 },
    at: async ({ connect, clock }) => {
      const peer = await connect();
      await fine(peer);
      clock.pass(3_000);
      await fine(peer);
      return peer;
    },
    past: ({ clock }, peer) => {
      clock.pass(1);
      return next(peer);
    },
    code: "auth_required",
    closes: true,
  },
  line_ms: {
    limits: { line_ms: 4_000 },
    at: async ({ loggedIn, clock }) => {
      const peer = await loggedIn();
      await fine(peer, `${PING}\n${PING.slice(0, 5)}`);
      clock.pass(4_000);
      await fine(peer, `${PING.slice(5)}\n`);
      return peer;
    },
    past: async ({ clock }, peer) => {
      await fine(peer, `${PING}\n${PING.slice(0, 5)}`);
      clock.pass(4_001);
      return await next(peer);
    },
    code: "bad_request",
    closes: true,
  },
  write_ms: {
    limits: { write_ms: 5_000 },
    at: async ({ loggedIn, clock, blocked }) => {
      const peer = await loggedIn();
      blocked.blocked = true;
      await peer.send(SAY);
      await blocked.writes(1);
      clock.pass(5_000);
      return peer;
    },
    past: ({ clock }, peer) => {
      clock.pass(1);
      return next(peer);
    },
    code: undefined,
    closes: true,
  },
  idle_ms: {
    limits: { idle_ms: 6_000 },
    at: async ({ connect, clock }) => {
      const peer = await connect();
      await fine(peer);
      clock.pass(1_000);
      assertEquals((await peer.logIn()).ok, true);
      clock.pass(6_000);
      await fine(peer);
      return peer;
    },
    past: ({ clock }, peer) => {
      clock.pass(6_001);
      return next(peer);
    },
    code: "bad_request",
    closes: true,
  },
  unread_bytes: {
    limits: { unread_bytes: 2 * ANSWER.length },
    at: async ({ loggedIn, blocked, answered }) => {
      const peer = await loggedIn();
      blocked.blocked = true;
      await peer.send(SAY);
      await blocked.writes(1);
      await peer.send(SAY);
      await answered(2);
      return peer;
    },
    past: (_, peer) => heard(peer, SAY),
    code: undefined,
    closes: true,
  },
};

/** Runs all cases, each on a server of its own. */
async function playAll(t: Deno.TestContext, system: System, ca?: string): Promise<void> {
  for (const [name, { limits, at, past, code, closes }] of Object.entries(CASES)) {
    await t.step(name, async () => {
      const clock = new ManualClock();
      const blocked = new BlockedNetwork(system.net);
      let held: (() => void)[] = [];
      let said = 0;
      await using server = await serve({
        limits,
        system: { ...system, clock, net: blocked.net },
        answer: ({ type }) => {
          if (type === "hold") return new Promise((resolve) => held.push(() => resolve({})));
          said++;
          return Promise.resolve({});
        },
      });
      using peers = new DisposableStack();
      const connect = async (): Promise<RawPeer<Deno.Conn>> =>
        peers.use(
          ca === undefined
            ? await RawPeer.connect(server.address)
            : await RawPeer.overTls(server.address, ca),
        );
      const site: Site = {
        server,
        clock,
        blocked,
        answered: (count) => until(() => said === count, "they are answered"),
        release: async (count) => {
          await until(() => held.length === count, "they are asked");
          for (const letGo of held) letGo();
          held = [];
        },
        connect,
        loggedIn: async () => {
          const peer = await connect();
          assertEquals((await peer.logIn()).ok, true);
          return peer;
        },
      };
      const struck = (): Message => server.stats().limits;
      const peer = await at(site);
      assertEquals(Object.values(struck()).filter((count) => count !== 0), [], "at the limit");
      const refusal = await past(site, peer);
      assertEquals(refusal?.error?.code, code);
      const counted = Object.entries(struck()).filter(([, count]) => count !== 0);
      assertEquals(counted, [[name, 1]]);
      const { rejected } = (server.stats() as Message).connections;
      assertEquals(rejected, name.startsWith("connections") ? 1 : 0);
      if (closes) assertEquals(await peer.rest(), []);
      else await fine(peer);
    });
  }
}

Deno.test("Server holds each limit at its value, refuses one past it, and counts that", async (t) => {
  assertEquals(Object.keys(CASES), LIMIT_NAMES);
  await playAll(t, SYSTEM);
});

tlsTest("Server holds each limit over TLS as well", async (ca, t) => {
  await playAll(t, await ca.system(), ca.ca);
});

Deno.test("Client learns the limits in force from hello, and sends nothing beyond them", async () => {
  const limits = { line_bytes: 70_000, depth: 20, nodes: 2_000 };
  await using server = await serve({ limits });
  using client = await Client.connect({
    address: server.address,
    secret: importSecret(SECRET),
    role: "echo",
  });
  assertEquals(client.welcome?.limits, { ...LIMITS, ...limits });
  const deep = (depth: number): Message => depth === 0 ? 1 : { a: deep(depth - 1) };
  for (
    const [body, code] of [
      [{ a: "x".repeat(69_000) }, undefined],
      [{ a: "x".repeat(70_000) }, "line_too_long"],
      [deep(19), undefined],
      [deep(20), "bad_json"],
      [{ a: Array(1_900).fill(0) }, undefined],
      [{ a: Array(2_001).fill(0) }, "bad_json"],
    ]
  ) {
    const asked = client.call("say", body, { timeoutMs: 10_000 });
    const got = await asked.then(() => undefined, ({ code }: CodedError) => code);
    assertEquals(got, code);
  }
  assertEquals(Object.values(server.stats().limits as Limits).some((count) => count > 0), false);
});

Deno.test("Server.stats() counts connections, wrong proofs and exceeded limits since the start", async () => {
  await using server = await serve({ limits: { line_bytes: 500 } });
  for (let n = 0; n < 3; n++) {
    using bad = await RawPeer.loggedIn(server.address);
    await bad.send("x".repeat(501));
    await bad.rest();
  }
  await until(() => server.connections === 0, "they are gone");
  using _peer = await RawPeer.loggedIn(server.address);
  using _other = await RawPeer.connect(server.address);
  await until(() => server.connections === 2, "both are there");
  const { connections, auth_failures, limits } = server.stats();
  assertEquals(connections, { open: 2, authenticated: 1, rejected: 0 });
  assertEquals(auth_failures, 0);
  assertEquals(limits, {
    ...Object.fromEntries(LIMIT_NAMES.map((name) => [name, 0])),
    line_bytes: 3,
  });
});

Deno.test("Server counts an exceeded limit once, however long the peer takes to read of it", async () => {
  const clock = new ManualClock();
  const blocked = new BlockedNetwork(SYSTEM.net);
  await using server = await serve({ system: { ...SYSTEM, clock, net: blocked.net } });
  using peer = await RawPeer.connect(server.address);
  await fine(peer);
  blocked.blocked = true;
  clock.pass(LIMITS.auth_ms + 1);
  await blocked.writes(1);
  clock.pass(250);
  assertEquals(await peer.rest(), []);
  assertEquals(Object.values(server.stats().limits as Limits).filter((count) => count > 0), [1]);
});

Deno.test("Server aborts the requests of a connection that ends, even if its peer reads nothing", async () => {
  const blocked = new BlockedNetwork(SYSTEM.net);
  let given = 0;
  await using server = await serve({
    system: { ...SYSTEM, net: blocked.net },
    limits: { line_bytes: 500, write_ms: 60_000 },
    answer: (_, gone) =>
      new Promise((resolve) => gone.addEventListener("abort", () => (given++, resolve({})))),
  });
  using peer = await RawPeer.loggedIn(server.address);
  blocked.blocked = true;
  await peer.send(HELD, "x".repeat(501));
  await blocked.writes(1);
  await until(() => given === 1, "it is given up");
  blocked.end();
});

Deno.test("Server ends a connection without a last line if too many replies wait unread", async () => {
  const blocked = new BlockedNetwork(SYSTEM.net);
  const limits = { line_bytes: 500, unread_bytes: ANSWER.length };
  await using server = await serve({ system: { ...SYSTEM, net: blocked.net }, limits });
  using peer = await RawPeer.loggedIn(server.address);
  blocked.blocked = true;
  await peer.send(SAY);
  await blocked.writes(1);
  await peer.send("x".repeat(501));
  await until(() => (server.stats() as Message).limits.line_bytes === 1, "the line is too long");
  blocked.end();
  assertEquals(await peer.rest(), []);
});

Deno.test("Server blames no peer for time in which it stood still itself", async () => {
  for (const [ms, isAccused] of [[500, true], [501, false]] as const) {
    const clock = new ManualClock();
    await using server = await serve({ limits: { auth_ms: 300 }, system: { ...SYSTEM, clock } });
    using peer = await RawPeer.connect(server.address);
    await fine(peer);
    clock.stall(ms);
    if (!isAccused) {
      await fine(peer);
      clock.stall(1);
    }
    assertEquals((await next(peer)).error.code, "auth_required");
  }
});

Deno.test("Server checks no limit in time after it is closed", async () => {
  const clock = new ManualClock();
  const server = await serve({ system: { ...SYSTEM, clock } });
  assertEquals(clock.called, 1);
  await server[Symbol.asyncDispose]();
  assertEquals(clock.called, 0);
});

Deno.test("Server does not count closed connections as unauthenticated", async () => {
  const limits = { connections_before_auth: 2 };
  await using server = await serve({ limits, system: { ...SYSTEM, clock: new ManualClock() } });
  for (let n = 0; n < 4; n++) {
    using peer = await RawPeer.connect(server.address);
    await fine(peer);
    await peer.conn.closeWrite();
    await until(() => server.connections === 0, "it is gone");
  }
});

Deno.test("Server rejects a connection beyond its limit and the 256 that linger", async () => {
  const clock = new ManualClock();
  const lingering = Promise.withResolvers<void>();
  const listen: Net["listen"] = (options) => {
    const listener = SYSTEM.net.listen(options);
    const accept = async (): Promise<Connection> => {
      const conn = await listener.accept();
      // Its descriptors are not free as long as its peer does not hang up, as over TLS.
      const end = conn.close.bind(conn);
      return Object.assign(conn, { close: () => lingering.promise.then(end) });
    };
    return { addr: listener.addr, accept, close: () => listener.close() };
  };
  const net = { ...SYSTEM.net, listen };
  const limits = { connections: 4, connections_before_auth: 2 };
  await using server = await serve({ limits, system: { ...SYSTEM, clock, net } });
  using peers = new DisposableStack();
  const connect = async (): Promise<void> => void peers.use(await RawPeer.connect(server.address));
  for (let n = 1; n <= 4 + 256; n++) {
    clock.ms += 10;
    await connect();
    await until(() => server.connections === n, "it is taken");
  }
  assertEquals((server.stats().limits as Limits).connections, 0, "at the limit");
  for (let n = 1; n <= 3; n++) {
    await connect();
    await until(() => (server.stats().limits as Limits).connections === n, "it is turned away");
    assertEquals(server.connections, 4 + 256);
  }
  lingering.resolve();
});
