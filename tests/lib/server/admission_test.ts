import { assertEquals } from "@std/assert";
import type { CodedError } from "../../../lib/errors.ts";
import { Admission, type Admitted } from "../../../lib/server/admission.ts";
import { type Connection, type Net, SYSTEM } from "../../../lib/system.ts";
import { makeNonce } from "../../../lib/wire/auth.ts";
import { LIMITS, type Limits } from "../../../lib/wire/limits.ts";
import { type Message, RawPeer } from "../../harness/raw_peer.ts";
import { quiet, recordLog } from "../../harness/recorded_log.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { codesOf, gatedAnswer, OUT_OF_DESCRIPTORS } from "./sessions.ts";

// Seen to catch: a share that takes the other's room, an eviction that is not told, or closed at once,
// late or never, more shed connections than may be, and room that is lowered without evicting.

class FakeConnection implements Admitted {
  inFlight = 0;
  reason: string | undefined;
  closed = false;
  shed({ code }: CodedError): void {
    this.reason = code;
  }
  close(): void {
    this.closed = true;
  }
}

/** An admission on a clock of the test's, and a connection for each name that is added. */
class Door {
  ms = 0;
  readonly admission: Admission;
  readonly connections: FakeConnection[] = [];

  constructor(limits: Partial<Limits>, log = quiet) {
    const clock = { ...SYSTEM.clock, now: () => this.ms };
    this.admission = new Admission({ ...LIMITS, ...limits }, log, clock);
  }

  open(address = "x"): FakeConnection {
    const connection = new FakeConnection();
    this.connections.push(connection);
    this.admission.add(connection, address);
    this.ms++;
    return connection;
  }

  logIn(address = "x"): FakeConnection {
    const connection = this.open(address);
    this.admission.authenticate(connection, address);
    return connection;
  }

  get shed(): number[] {
    return this.#where(({ reason }) => reason === "busy");
  }

  get closed(): number[] {
    return this.#where(({ closed }) => closed);
  }

  #where(holds: (connection: FakeConnection) => boolean): number[] {
    return this.connections.flatMap((connection, at) => holds(connection) ? [at] : []);
  }
}

Deno.test("Admission evicts within the share that is full, and never in the other one", () => {
  const door = new Door({ connections: 5, connections_before_auth: 2 });
  for (let n = 0; n < 3; n++) door.logIn();
  for (let n = 0; n < 4; n++) door.open();
  assertEquals(door.shed, [3, 4]);
  door.logIn();
  assertEquals(door.shed, [0, 3, 4, 5]);
  assertEquals([door.admission.authenticated, door.admission.unauthenticated], [3, 1]);
});

Deno.test("Admission keeps the connection that said hello or was answered last", () => {
  const door = new Door({ connections: 4, connections_before_auth: 2 });
  const [first, , third] = [door.logIn(), door.logIn(), door.open(), door.open()];
  door.admission.greeted(third, "x");
  door.admission.answered(first, "x");
  door.open();
  assertEquals(door.shed, [3]);
  door.logIn();
  assertEquals(door.shed, [1, 2, 3]);
});

Deno.test("Admission closes an evicted connection 250 ms later", () => {
  const door = new Door({ connections: 20, connections_before_auth: 1 });
  door.open();
  door.open();
  door.ms = 250;
  door.admission.closeShed();
  assertEquals([door.shed, door.closed], [[0], []]);
  door.ms = 251;
  door.admission.closeShed();
  assertEquals(door.closed, [0]);
});

Deno.test("Admission closes the oldest evicted connection if more than an eighth of the room waits", () => {
  const door = new Door({ connections: 16, connections_before_auth: 1 });
  for (let n = 0; n < 3; n++) door.open();
  assertEquals([door.shed, door.closed], [[0, 1], []]);
  door.open();
  assertEquals([door.shed, door.closed], [[0, 1, 2], [0]]);
  door.admission.delete(door.connections[1], "x");
  door.open();
  assertEquals([door.shed, door.closed], [[0, 1, 2, 3], [0]]);
});

Deno.test("Admission evicts down to three quarters of what was open when descriptors run out", () => {
  const { log, logged } = recordLog();
  const door = new Door({ connections: 80, connections_before_auth: 20 }, log);
  for (let n = 0; n < 40; n++) door.logIn();
  for (let n = 0; n < 20; n++) door.open();
  door.admission.shrink(60);
  assertEquals([door.admission.authenticated, door.admission.unauthenticated], [34, 11]);
  assertEquals(door.shed.length, 15);
  assertEquals(logged.map(({ event, fields }) => [event, fields.connections]), [
    ["out_of_descriptors", 45],
  ]);
});

Deno.test("Admission is full if 256 connections more than its room linger", () => {
  const { admission } = new Door({ connections: 4, connections_before_auth: 2 });
  assertEquals([admission.isFull(259), admission.isFull(260)], [false, true]);
});

Deno.test("Server evicts the idlest authenticated connection, and none with a request in flight", async () => {
  const { answer, open } = gatedAnswer();
  const limits = { connections: 5, connections_before_auth: 2 };
  await using server = await serve({ limits, answer });
  using asking = await RawPeer.loggedIn(server.address);
  await asking.say({ v: 1, id: "h", type: "hold" });
  using second = await RawPeer.loggedIn(server.address);
  using third = await RawPeer.loggedIn(server.address);
  using fourth = await RawPeer.loggedIn(server.address);
  assertEquals(codesOf(await second.rest()), ["busy"]);
  await until(() => server.connections === 3, "the second one is closed");
  assertEquals((server.stats() as Message).connections, { open: 3, authenticated: 3, rejected: 1 });
  for (const peer of [third, fourth]) assertEquals((await peer.ask("ping")).ok, true);
  open();
  assertEquals((await asking.hear()).id, "h");
});

Deno.test("Server evicts an unauthenticated connection that did not say hello first", async () => {
  await using server = await serve({ limits: { connections_before_auth: 2, auth_ms: 60_000 } });
  using first = await RawPeer.connect(server.address);
  using second = await RawPeer.connect(server.address);
  await until(() => server.connections === 2, "both are open");
  await first.ask("hello", { nonce: makeNonce() });
  using _third = await RawPeer.connect(server.address);
  assertEquals(codesOf(await second.rest()), ["busy"]);
  assertEquals((await first.ask("ping")).ok, true);
});

Deno.test("Server tells an evicted peer why, answers it nothing more, and closes it later", async () => {
  await using server = await serve({ limits: { connections_before_auth: 1, auth_ms: 60_000 } });
  using first = await RawPeer.connect(server.address);
  await first.ask("ping");
  using _second = await RawPeer.connect(server.address);
  assertEquals((await first.hear()).error.code, "busy");
  assertEquals(server.connections, 2, "it is still open");
  await first.say({ v: 1, id: "q", type: "ping" });
  assertEquals(await first.rest(), []);
});

/** A network on which `count` connections may be open. */
function fewDescriptors(count: number): Net {
  let open = 0;
  const listen: Net["listen"] = (options) => {
    const listener = SYSTEM.net.listen(options);
    let waiting: Connection | undefined;
    const accept = async (): Promise<Connection> => {
      waiting ??= await listener.accept();
      if (open >= count) throw OUT_OF_DESCRIPTORS;
      open++;
      const conn = waiting;
      waiting = undefined;
      const end = conn.close.bind(conn);
      return Object.assign(conn, { close: () => (open--, end()) });
    };
    const close = (): void => {
      count = Infinity; // the server itself closes what it accepts now
      waiting?.close();
      listener.close();
    };
    return { addr: listener.addr, accept, close };
  };
  return { ...SYSTEM.net, listen };
}

Deno.test("Server has less room once descriptors ran out, and still lets newcomers in", async () => {
  for (const [authenticated, left] of [[0, 1], [20, 10]]) {
    const { log, logged } = recordLog();
    const limits = { connections: 60, connections_before_auth: 40 };
    const system = { ...SYSTEM, net: fewDescriptors(40) };
    await using server = await serve({ limits, log, system });
    using peers = new DisposableStack();
    const connect = async (): Promise<RawPeer> => peers.use(await RawPeer.connect(server.address));
    for (let n = 0; n < authenticated; n++) peers.use(await RawPeer.loggedIn(server.address));
    for (let n = authenticated; n < 40; n++) await connect();
    await until(() => server.connections === 40, "all are taken");
    using last = await RawPeer.loggedIn(server.address);
    assertEquals((await last.ask("ping")).ok, true);
    await until(() => server.connections <= 30, "the others have gone");
    assertEquals((server.stats() as Message).connections.authenticated, left);
    for (let n = 0; n < 60; n++) await connect();
    await until(() => server.connections > 30, "all have come");
    const events = logged.map(({ event, fields }) => [event, fields.connections]);
    assertEquals(events, [["out_of_descriptors", 30], ["accept_failed", undefined]]);
  }
});

Deno.test("Server has less room if descriptors run out after accept, as over TLS", async () => {
  const { log, logged } = recordLog();
  let accepted = 0;
  const listen: Net["listen"] = (options) => {
    const listener = SYSTEM.net.listen(options);
    const accept = async (): Promise<Connection> => {
      const conn = await listener.accept();
      if (++accepted < 20) return conn;
      return Object.assign(conn, { read: () => Promise.reject(OUT_OF_DESCRIPTORS) });
    };
    return { addr: listener.addr, accept, close: () => listener.close() };
  };
  await using server = await serve({ log, system: { ...SYSTEM, net: { ...SYSTEM.net, listen } } });
  using peers = new DisposableStack();
  for (let n = 0; n < 20; n++) peers.use(await RawPeer.connect(server.address));
  await until(() => logged.length > 0, "it is told");
  assertEquals([logged[0].event, logged[0].fields.connections], ["out_of_descriptors", 15]);
});
