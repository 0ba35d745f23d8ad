import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { importSecret, makeNonce } from "../../../lib/wire/auth.ts";
import type { CodedError } from "../../../lib/errors.ts";
import { ExitError } from "../../../lib/exit.ts";
import { LIMITS, type Limits } from "../../../lib/wire/limits.ts";
import { sleep } from "../../../lib/retry.ts";
import { type Host, type Service, Session } from "../../../lib/server/session.ts";
import { type Clock, type Connection, type Net, SYSTEM, type System } from "../../../lib/system.ts";
import { type Message, RawPeer } from "../../harness/raw_peer.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { OTHER_SECRET, SECRET } from "../../harness/secrets.ts";
import { serve } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";

const codes = (messages: Message[]): string[] => messages.map(({ error }) => error?.code ?? "ok");

/** An answer that is held back until the test lets it go. */
function held(): {
  answer: () => Promise<Record<string, never>>;
  release: () => void;
  asked: () => number;
} {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  return {
    answer: async () => {
      asked++;
      await gate.promise;
      return {};
    },
    release: () => gate.resolve(),
    asked: () => asked,
  };
}

Deno.test("Session tells who it is and its limits in hello", async () => {
  await using server = await serve({ limits: { in_flight: 5 } });
  using peer = await RawPeer.connect(server.address);
  const { body } = await peer.ask("hello", { nonce: makeNonce() });
  assertEquals([body.role, body.name, body.version, body.protocols], ["echo", "echo-1", "1.0.0", [
    1,
  ]]);
  assertEquals(body.limits, { ...LIMITS, in_flight: 5 });
});

Deno.test("Session answers ping and health before the proof and nothing else", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  assertEquals((await peer.ask("ping")).body, {});
  assertEquals((await peer.ask("health")).body, { status: "ok", role: "echo" });
  for (const type of ["info", "stats", "say", "cancel", "submit"]) {
    assertEquals((await peer.ask(type)).error.code, "auth_required");
  }
  assertEquals((await peer.logIn()).ok, true);
  assertEquals((await peer.ask("ping")).body, {});
  assertEquals((await peer.ask("health")).body, { status: "ok", role: "echo" });
});

Deno.test("Session gives the same reply however the bytes of a request are cut", async () => {
  await using server = await serve();
  using peer = await RawPeer.loggedIn(server.address);
  peer.conn.setNoDelay(true);
  const body = { text: "ü€🙂\u2028" };
  const line = new TextEncoder().encode(
    JSON.stringify({ v: 1, id: "a", type: "say", body }) + "\r\n",
  );
  for (const byte of line) await peer.send(new Uint8Array([byte]));
  assertEquals(await peer.hear(), { v: 1, id: "a", ok: true, body });
  for (let cut = 1; cut < line.length; cut++) {
    await peer.send(line.subarray(0, cut), line.subarray(cut));
    assertEquals((await peer.hear()).body, body);
  }
});

Deno.test("Session answers a thousand requests of one segment, each once", async () => {
  await using server = await serve({ limits: { in_flight: 1000 } });
  using peer = await RawPeer.loggedIn(server.address);
  const requests = Array.from({ length: 1000 }, (_, n) => ({
    v: 1,
    id: `n${n}`,
    type: "say",
    body: { n },
  }));
  await peer.say(...requests);
  const replies = await peer.hearAll(1000);
  for (const { id, body } of requests) assertEquals(replies.get(id), { v: 1, id, ok: true, body });
});

Deno.test("Session answers in the order in which answers come", async () => {
  const slow = held();
  await using server = await serve({
    answer: ({ type }) => type === "slow" ? slow.answer() : Promise.resolve({}),
  });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(
    { v: 1, id: "first", type: "slow" },
    { v: 1, id: "second", type: "fast" },
    { v: 1, id: "third", type: "ping" },
  );
  const early = await peer.hearAll(2);
  assertEquals([...early.keys()].sort(), ["second", "third"]);
  slow.release();
  assertEquals((await peer.hear()).id, "first");
});

Deno.test("Session refuses requests beyond the number in flight and answers the others", async () => {
  const slow = held();
  await using server = await serve({ answer: slow.answer, limits: { in_flight: 3 } });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...Array.from({ length: 10 }, (_, n) => ({ v: 1, id: `n${n}`, type: "slow" })));
  const refused = await peer.hearAll(7);
  assertEquals(new Set(codes([...refused.values()])), new Set(["too_many_in_flight"]));
  assertEquals(refused.get("n3").error.retry, "after");
  assertEquals((await peer.ask("ping")).ok, true);
  slow.release();
  const answered = await peer.hearAll(3);
  assertEquals([...answered.keys()].sort(), ["n0", "n1", "n2"]);
  assertEquals(slow.asked(), 3);
  assertEquals((await peer.ask("slow")).ok, true);
});

Deno.test("Session passes over empty lines, and hangs up after a hundred in a row", async () => {
  await using server = await serve();
  using peer = await RawPeer.loggedIn(server.address);
  const ping = JSON.stringify({ v: 1, id: "p", type: "ping" });
  for (let n = 0; n < 3; n++) {
    await peer.send("\n\r\n".repeat(50), ping, "\n");
    assertEquals((await peer.hear()).id, "p");
  }
  await peer.send("\n".repeat(101), ping, "\n");
  assertEquals(codes(await peer.rest()), ["bad_json"]);
});

Deno.test("Session does not act on a line that the peer did not end", async () => {
  const seen: string[] = [];
  await using server = await serve({
    answer: ({ id }) => {
      seen.push(id);
      return Promise.resolve({});
    },
  });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.send('{"v":1,"id":"whole","type":"say"}\n{"v":1,"id":"half","type":"say"}');
  await peer.conn.closeWrite();
  assertEquals((await peer.rest()).map(({ id }) => id), ["whole"]);
  await until(() => server.connections === 0, "the connection is given back");
  assertEquals(seen, ["whole"]);
});

Deno.test("Session answers what is in flight after the peer has closed its side", async () => {
  const slow = held();
  await using server = await serve({ answer: slow.answer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say({ v: 1, id: "a", type: "slow" }, { v: 1, id: "b", type: "slow" });
  await peer.conn.closeWrite();
  await until(() => slow.asked() === 2, "both are asked");
  slow.release();
  assertEquals((await peer.rest()).map(({ id }) => id).sort(), ["a", "b"]);
});

/** Three answers of which no socket takes all as long as nobody reads. */
const LARGE = ["a", "b", "c"].map((id) => ({ v: 1, id, type: "large" }));
const largeAnswer = () => Promise.resolve({ text: "x".repeat(4_000_000) });

Deno.test("Session sends whole what it has answered to a peer that has closed its side", async () => {
  await using server = await serve({ answer: largeAnswer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...LARGE);
  await peer.conn.closeWrite();
  assertEquals((await peer.rest()).map(({ body }) => body.text.length), [4e6, 4e6, 4e6]);
});

Deno.test("Session answers nothing that came together with what it was closed at", async () => {
  let asked = 0;
  let close = (): void => {};
  await using pair = await sessionWith({}, () => {
    asked++;
    close();
    return Promise.resolve({});
  });
  close = () => pair.session.close();
  await pair.peer.logIn();
  await pair.peer.say(...LARGE);
  assertEquals(await pair.peer.rest(), []);
  assertEquals(asked, 1);
});

Deno.test("Session takes a line of exactly the limit and hangs up at one byte more", async () => {
  await using server = await serve({ limits: { line_bytes: 5000 } });
  const line = (size: number): string => {
    const empty = JSON.stringify({ v: 1, id: "a", type: "say", body: { t: "" } });
    return empty.replace('""', `"${"x".repeat(size - empty.length)}"`);
  };
  using peer = await RawPeer.loggedIn(server.address);
  await peer.send(line(5000), "\n");
  assertEquals((await peer.hear()).ok, true);
  await peer.send(line(5001), "\n");
  const [last, ...more] = await peer.rest();
  assertEquals([last.id, last.error.code, more], [undefined, "line_too_long", []]);
});

Deno.test("Session takes lines of 4096 bytes before the proof and hangs up at one more", async () => {
  await using server = await serve();
  const padded = (size: number): string => '{"v":1,"id":"a","type":"ping"}'.padEnd(size) + "\n";
  using peer = await RawPeer.connect(server.address);
  await peer.send(padded(4096));
  assertEquals((await peer.hear()).ok, true);
  await peer.send(padded(4097));
  assertEquals(codes(await peer.rest()), ["line_too_long"]);
});

Deno.test("Session hangs up on a flood without a line end", async () => {
  await using server = await serve({ limits: { line_bytes: 100_000 } });
  using peer = await RawPeer.loggedIn(server.address);
  const block = new Uint8Array(1024 * 1024).fill(0x78);
  const flooding = (async () => {
    for (let n = 0; n < 100; n++) await peer.send(block);
  })();
  assertEquals(codes(await peer.rest()), ["line_too_long"]);
  await assertRejects(() => within(flooding, "the flood to be stopped"));
});

Deno.test("Session answers what is in flight before it hangs up on what is no JSON", async () => {
  const slow = held();
  await using server = await serve({ answer: slow.answer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say({ v: 1, id: "a", type: "slow" });
  await peer.send('{"v":1,"id":"b"\n{"v":1,"id":"c","type":"slow"}\n');
  const refused = await peer.hear();
  assertEquals([refused.id, refused.error.code], [undefined, "bad_json"]);
  slow.release();
  assertEquals((await peer.rest()).map(({ id }) => id), ["a"]);
  assertEquals(slow.asked(), 1);
});

Deno.test("Session refuses what has the wrong shape and goes on", async () => {
  await using server = await serve();
  for (
    const peer of [await RawPeer.connect(server.address), await RawPeer.loggedIn(server.address)]
  ) {
    using _ = peer;
    for (
      const [text, id, code] of [
        ["[]", undefined, "bad_request"],
        ["null", undefined, "bad_request"],
        ["7", undefined, "bad_request"],
        ['{"v":1,"id":7,"type":"ping"}', undefined, "bad_request"],
        ['{"v":1,"id":"../../etc/passwd","type":"ping"}', undefined, "bad_request"],
        ['{"v":1,"id":"a","type":"ping","more":1}', "a", "bad_request"],
        ['{"v":1,"id":"a","type":"ping","timeout_ms":0}', "a", "bad_request"],
        ['{"v":2,"id":"a","type":"ping"}', "a", "unsupported_version"],
      ] as const
    ) {
      await peer.send(text, "\n");
      const reply = await peer.hear();
      assertEquals([reply.id, reply.error.code], [id, code], text);
    }
    assertEquals((await peer.ask("ping")).ok, true);
  }
});

Deno.test("Session tells the owner of a bug and the peer a reference", async () => {
  const bugs: [string, unknown][] = [];
  const bug = new TypeError("password is hunter2");
  await using server = await serve({
    answer: () => Promise.reject(bug),
    onInternal: (reference, error) => bugs.push([reference, error]),
  });
  using peer = await RawPeer.loggedIn(server.address);
  const { error } = await peer.ask("say");
  assertEquals([error.code, error.retry, error.maybe_done], ["internal", "unknown", true]);
  assertEquals(bugs.length, 1);
  assertEquals(bugs[0][1], bug);
  assert(error.message.includes(bugs[0][0]));
  assert(!error.message.includes("hunter2"));
  assertEquals((await peer.ask("ping")).ok, true);
});

Deno.test("Session answers a bug of its health like any other, before the proof and behind it", async () => {
  const seen: unknown[] = [];
  await using server = await serve({
    health: () => {
      throw new TypeError("the secret is 1234");
    },
    onInternal: (_, error) => seen.push(error),
  });
  using peer = await RawPeer.connect(server.address);
  for (let n = 1; n <= 2; n++) {
    const { error } = await peer.ask("health");
    assertEquals(error.code, "internal");
    assert(!error.message.includes("1234"), error.message);
    assertEquals(seen.map(String), Array(n).fill("TypeError: the secret is 1234"));
    if (n === 1) assertEquals((await peer.logIn()).ok, true);
  }
});

Deno.test("Session says so instead of sending a reply that no peer would read", async () => {
  await using server = await serve({
    answer: ({ type }) => Promise.resolve({ text: "x".repeat(type === "fits" ? 4e6 : 4.2e6) }),
  });
  using peer = await RawPeer.loggedIn(server.address);
  assertEquals((await peer.ask("fits")).ok, true);
  const { error } = await peer.ask("large");
  assertEquals([error.code, error.retry, error.maybe_done], ["bad_output", "no", true]);
  assertEquals((await peer.ask("ping")).ok, true);
});

Deno.test("Session drops a peer that reads nothing", async () => {
  const { log, logged } = recordLog();
  await using server = await serve({
    answer: () => Promise.resolve({ text: "x".repeat(1_000_000) }),
    limits: { write_ms: 300 },
    log,
  });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...Array.from({ length: 15 }, (_, n) => ({ v: 1, id: `n${n}`, type: "large" })));
  await until(() => logged.some(({ event }) => event === "connection_closed"), "it is dropped");
  assert(String(logged[0].fields.reason).includes("was not read within 300 ms"));
  const replies = await peer.rest();
  assert(replies.length < 15, `${replies.length} replies came all the same`);
  await until(() => server.connections === 0, "the connection is given back");
});

Deno.test("Session drops a peer for which too much waits", async () => {
  await using server = await serve({
    answer: () => Promise.resolve({ text: "x".repeat(1_000_000) }),
    limits: { unread_bytes: 2_000_000, write_ms: 60_000 },
  });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...Array.from({ length: 60 }, (_, n) => ({ v: 1, id: `n${n}`, type: "large" })));
  const replies = await peer.rest();
  assert(replies.length < 60, `${replies.length} replies came all the same`);
  await until(() => server.connections === 0, "the connection is given back");
});

Deno.test("Server hangs up on a peer that proves nothing in time, silent or not", async () => {
  const { log, logged } = recordLog();
  await using server = await serve({ limits: { auth_ms: 300 }, log });
  using silent = await RawPeer.connect(server.address);
  using talker = await RawPeer.connect(server.address);
  using dripper = await RawPeer.connect(server.address);
  await talker.ask("hello", { nonce: makeNonce() });
  await talker.ask("ping");
  await dripper.send("{");
  for (const peer of [silent, talker, dripper]) {
    const [last] = await peer.rest();
    assertEquals([last.id, last.error.code], [undefined, "auth_required"]);
  }
  await until(() => server.connections === 0, "the connections are given back");
  assertEquals(logged, [], "a stranger can't fill the log");
});

Deno.test("Server hangs up on a line that does not end in time", async () => {
  await using server = await serve({ limits: { line_ms: 300 } });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.send('{"v":1,"id":"a"');
  const [last] = await peer.rest();
  assertEquals([last.id, last.error.code], [undefined, "bad_request"]);
  assert(last.error.message.includes("a line did not end within 300 ms"), last.error.message);
});

Deno.test("Server hangs up on an idle peer, not on one that waits for an answer", async () => {
  const slow = held();
  await using server = await serve({ answer: slow.answer, limits: { idle_ms: 400 } });
  using waiting = await RawPeer.loggedIn(server.address);
  await waiting.say({ v: 1, id: "a", type: "slow" });
  using idle = await RawPeer.loggedIn(server.address);
  const [last] = await idle.rest();
  assert(last.error.message.includes("nothing was asked for 400 ms"), last.error.message);
  slow.release();
  assertEquals((await waiting.hear()).id, "a");
});

/** Of a session without a server around it. */
const SILENT: Service = {
  role: "echo",
  name: "echo-1",
  version: "1.0.0",
  secret: importSecret(SECRET),
  health: () => ({}),
  answer: () => Promise.resolve({}),
  onInternal: () => {},
};

/** A session of which the test has the clock, and a peer of it. */
async function sessionWith(
  limits: Partial<Limits>,
  answer: () => Promise<Record<string, never>>,
  host?: Host,
): Promise<{ session: Session; peer: RawPeer } & AsyncDisposable> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [peer, conn] = await Promise.all([RawPeer.connect(listener.addr), listener.accept()]);
  const service = { ...SILENT, answer };
  const session = new Session(conn, service, { ...LIMITS, ...limits }, SYSTEM.clock, host);
  const running = session.run();
  return {
    session,
    peer,
    async [Symbol.asyncDispose]() {
      session.close();
      peer[Symbol.dispose]();
      await within(running, "the session to end");
    },
  };
}

Deno.test("Session holds nothing for lines any more once it is closed", async () => {
  let total = 0;
  const host = { ...keeper().host, onHeld: (bytes: number): void => void (total += bytes) };
  await using pair = await sessionWith({}, held().answer, host);
  assertEquals([pair.session.held, total], [4_096, 4_096]);
  pair.session.close();
  assertEquals([pair.session.held, total], [0, 0]);
});

Deno.test("Session counts a peer's idleness from its last answer", async () => {
  const slow = held();
  await using pair = await sessionWith({ idle_ms: 100 }, slow.answer);
  const { session, peer } = pair;
  await peer.logIn();
  await peer.say({ v: 1, id: "a", type: "slow" });
  await until(() => slow.asked() === 1, "it is asked");
  const asked = performance.now();
  await until(() => performance.now() > asked + 150, "it has been idle but for the request");
  assertEquals(session.overdue(performance.now()), undefined);
  const released = performance.now();
  slow.release();
  await peer.hear();
  await until(() => session.inFlight === 0, "nothing is in flight");
  assertEquals(session.overdue(released + 99), undefined);
  assertEquals(session.overdue(performance.now() + 101)?.code, "bad_request");
});

Deno.test("Session does not wait for the end of a line that the peer gave up", async () => {
  const slow = held();
  await using pair = await sessionWith({ line_ms: 100 }, slow.answer);
  const { session, peer } = pair;
  await peer.logIn();
  await peer.send('{"v":1,"id":"a","type":"slow"}\n{"v":1');
  await until(() => session.overdue(performance.now() + 101) !== undefined, "half a line is here");
  await peer.conn.closeWrite();
  await until(() => session.overdue(performance.now() + 101) === undefined, "it is given up");
  slow.release();
  assertEquals((await peer.rest()).map(({ id }) => id), ["a"]);
});

Deno.test("Session that is told why it ends is closed even where nobody reads that", async () => {
  const hungUp = Promise.withResolvers<null>();
  const conn = {
    read: () => hungUp.promise,
    write: () => hungUp.promise.then(() => Promise.reject(new Deno.errors.Interrupted())),
    close: () => hungUp.resolve(null),
  } as unknown as Deno.Conn;
  const session = new Session(conn, SILENT, LIMITS);
  const running = session.run();
  const late = (): CodedError => session.overdue(performance.now() + LIMITS.idle_ms)!;
  session.close(late());
  await sleep(0); // the last line is on its way, and stays there
  session.close(late());
  await within(running, "the session to end");
});

Deno.test("Session ends with its connection, even where a write outlives that", async () => {
  const hungUp = Promise.withResolvers<null>();
  const conn = {
    read: () => hungUp.promise,
    write: () => new Promise<number>(() => {}), // as Deno 2.7 leaves one that the peer does not take
    close: () => hungUp.resolve(null),
  };
  const session = new Session(conn, SILENT, LIMITS);
  const running = session.run();
  const late = (): CodedError => session.overdue(performance.now() + LIMITS.idle_ms)!;
  session.close(late());
  await sleep(0);
  session.close(late());
  await within(running, "the session to end", 1_000);
});

Deno.test("Session ends when its descriptors are free and not before", async () => {
  const [hungUp, freed] = [Promise.withResolvers<null>(), Promise.withResolvers<void>()];
  const conn = {
    read: () => hungUp.promise,
    write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
    close: () => (hungUp.resolve(null), freed.promise),
  };
  const session = new Session(conn, SILENT, LIMITS);
  let isOver = false;
  const running = session.run().then(() => isOver = true);
  session.close();
  await sleep(0);
  assertEquals(isOver, false);
  freed.resolve();
  await within(running, "the session to end");
});

/** Holds those back for a minute that are refused before a proof, and notes who is held back. */
function keeper(): { host: Host; kept: string[] } {
  const kept: string[] = [];
  const host: Host = {
    onHello: () => {},
    letIn: () => {},
    onWrongProof: () => (kept.push("wrong proof"), 0),
    onRefused: () => (kept.push("refused"), 60_000),
    takeInHand: () => () => {},
    takeLine: (_bytes, work) => work(),
    nextBlock: () => undefined,
    onStrike: () => {},
    onNoDescriptors: () => {},
    onHeld: () => {},
    onUnread: () => {},
  };
  return { host, kept };
}

Deno.test("Session keeps back who is refused before a proof, until it is closed", async () => {
  const { host, kept } = keeper();
  await using pair = await sessionWith({}, held().answer, host);
  await pair.peer.send("no JSON\n");
  assertEquals((await pair.peer.hear()).error.code, "bad_json");
  assertEquals(kept, ["refused"]);
  assertEquals(pair.session.overdue(performance.now() + LIMITS.auth_ms + 1), undefined);
});

Deno.test("Session keeps back nobody who has proved himself, and nobody twice", async () => {
  const { host, kept } = keeper();
  for (const secret of [SECRET, OTHER_SECRET]) {
    await using pair = await sessionWith({}, held().answer, host);
    const { ok } = await pair.peer.logIn(secret);
    assertEquals(ok, secret === SECRET);
    await pair.peer.send("no JSON\n");
    await pair.peer.rest();
  }
  assertEquals(kept, ["wrong proof"]);
});

Deno.test("Server lets one go that came late and asks for nothing when too many have proved themselves", async () => {
  const { answer, release } = held();
  const limits = { connections: 5, connections_before_auth: 2 };
  await using server = await serve({ limits, answer });
  using asking = await RawPeer.loggedIn(server.address);
  await asking.say({ v: 1, id: "h", type: "hold" });
  using second = await RawPeer.loggedIn(server.address);
  using third = await RawPeer.loggedIn(server.address);
  using fourth = await RawPeer.loggedIn(server.address);
  assertEquals(codes(await second.rest()), ["busy"]);
  await until(() => server.connections === 3, "it is gone");
  assertEquals((server.stats() as Message).connections, { open: 3, authenticated: 3, rejected: 1 });
  for (const peer of [third, fourth]) assertEquals((await peer.ask("ping")).ok, true);
  release();
  assertEquals((await asking.hear()).id, "h");
});

Deno.test("Server lets the oldest peer go that it does not know when these are too many", async () => {
  await using server = await serve({ limits: { connections_before_auth: 2 } });
  const known = [];
  for (let n = 0; n < 5; n++) known.push(await RawPeer.loggedIn(server.address));
  using oldest = await RawPeer.connect(server.address);
  using second = await RawPeer.connect(server.address);
  await until(() => server.connections === 7, "all are taken");
  const taken = performance.now();
  await until(() => performance.now() > taken + 10, "none of them has just come");
  using third = await RawPeer.connect(server.address);
  assertEquals(codes(await oldest.rest()), ["busy"]);
  for (const peer of [second, third]) assertEquals((await peer.ask("ping")).ok, true);
  for (const peer of known) {
    assertEquals((await peer.ask("ping")).ok, true);
    peer[Symbol.dispose]();
  }
});

Deno.test("Server tells who gives way, answers it nothing more, and ends it after a while", async () => {
  await using server = await serve({ limits: { connections_before_auth: 1, auth_ms: 60_000 } });
  using first = await RawPeer.connect(server.address);
  await first.ask("ping");
  const heard = performance.now();
  await until(() => performance.now() > heard + 10, "it has not just come");
  using _second = await RawPeer.connect(server.address);
  assertEquals((await first.hear()).error.code, "busy");
  assertEquals(server.connections, 2, "it is held");
  await first.say({ v: 1, id: "q", type: "ping" });
  assertEquals(await first.rest(), []);
});

Deno.test("Server holds no more of those who give way than it should, nor who goes by itself", async () => {
  let now = 0;
  const clock = { ...SYSTEM.clock, now: () => now, every: () => () => {} };
  await using server = await serve({
    system: { ...SYSTEM, clock },
    limits: { connections_before_auth: 64 },
  });
  const peers: RawPeer[] = [];
  try {
    for (const open of [64, 128, 192]) {
      while (peers.length < open) peers.push(await RawPeer.connect(server.address));
      await until(() => server.connections === open, "all are taken");
      now += 10;
    }
    peers.push(await RawPeer.connect(server.address));
    assertEquals(codes(await peers[0].rest()), ["busy"]);
    assertEquals((await peers[1].hear()).error.code, "busy");
    assertEquals(server.connections, 192, "the first one alone has ended");
    peers[1].conn.close();
    await until(() => server.connections === 191, "another one has left");
    peers.splice(1, 1);
  } finally {
    for (const peer of peers) peer[Symbol.dispose]();
  }
});

Deno.test("Server lets whoever does nothing go before one that has said hello meanwhile", async () => {
  await using server = await serve({ limits: { connections_before_auth: 2, auth_ms: 60_000 } });
  using first = await RawPeer.connect(server.address);
  using second = await RawPeer.connect(server.address);
  await until(() => server.connections === 2, "both are taken");
  const taken = performance.now();
  await until(() => performance.now() > taken + 10, "neither has just come");
  await first.ask("hello", { nonce: makeNonce() });
  using _third = await RawPeer.connect(server.address);
  assertEquals(codes(await second.rest()), ["busy"]);
  assertEquals((await first.ask("ping")).ok, true);
});

Deno.test("Server lets one whose proof was wrong go before one that came earlier", async () => {
  // No answer to a wrong proof comes before the test is over.
  const after: Clock["after"] = (ms, callback) =>
    ms < 200 ? SYSTEM.clock.after(ms, callback) : () => {};
  await using server = await serve({
    system: { ...SYSTEM, clock: { ...SYSTEM.clock, after } },
    limits: { connections_before_auth: 2, auth_ms: 60_000 },
  });
  using first = await RawPeer.connect(server.address);
  await first.ask("ping");
  using guesser = await RawPeer.connect(server.address);
  await guesser.ask("hello", { nonce: makeNonce() });
  await guesser.say({ v: 1, id: "q", type: "auth", body: { mac: "A".repeat(43) } });
  await until(() => server.stats().auth_failures === 1, "it is refused");
  using _third = await RawPeer.connect(server.address);
  assertEquals(codes(await guesser.rest()), ["busy"]);
  assertEquals((await first.ask("ping")).ok, true);
});

Deno.test("Server keeps one of many back whom it has told why its connection ends", async () => {
  const waits: number[] = [];
  const after: Clock["after"] = (ms, callback) => {
    if (ms > 250) waits.push(ms);
    return SYSTEM.clock.after(ms, callback);
  };
  await using server = await serve({
    system: { ...SYSTEM, clock: { ...SYSTEM.clock, after } },
    limits: { connections_before_auth: 65, auth_ms: 60_000 },
  });
  const silent: RawPeer[] = [];
  for (let n = 0; n < 63; n++) silent.push(await RawPeer.connect(server.address));
  using last = await RawPeer.connect(server.address);
  await last.send("no JSON\n");
  assertEquals(codes(await last.rest()), ["bad_json"]);
  assertEquals(waits, [], "these are not many");
  await until(() => server.connections === 63, "it is gone");
  using one = await RawPeer.connect(server.address);
  using other = await RawPeer.connect(server.address);
  await until(() => server.connections === 65, "all are taken");
  for (const [peer, line] of [[one, "no JSON\n"], [other, "\n".repeat(101)]] as const) {
    await peer.send(line);
    assertEquals((await peer.hear()).error.code, "bad_json");
  }
  await silent[0].ask("ping");
  assertEquals([server.connections, waits], [65, [1_000, 1_000]]);
  silent.push(await RawPeer.connect(server.address));
  assertEquals(await one.rest(), []);
  for (const peer of silent) {
    assertEquals((await peer.ask("ping")).ok, true);
    peer[Symbol.dispose]();
  }
  assertEquals(await other.rest(), []);
});

const OUT_OF_DESCRIPTORS = Object.assign(new Error("Too many open files (os error 24)"), {
  code: "EMFILE",
});

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

Deno.test("Server goes on accepting after it had no descriptors left, waits longer each time", async () => {
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

/** A network on which so many connections may be open. */
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
      count = Infinity; // who comes at this moment is for the server to hang up on
      waiting?.close();
      listener.close();
    };
    return { addr: listener.addr, accept, close };
  };
  return { ...SYSTEM.net, listen };
}

Deno.test("Server has room for fewer once it has run out of descriptors, and lets in who comes", async () => {
  for (const [known, left] of [[0, 1], [20, 10]]) {
    const { log, logged } = recordLog();
    const limits = { connections: 60, connections_before_auth: 40 };
    const system = { ...SYSTEM, net: fewDescriptors(40) };
    await using server = await serve({ limits, log, system });
    using peers = new DisposableStack();
    const connect = async (): Promise<RawPeer> => peers.use(await RawPeer.connect(server.address));
    for (let n = 0; n < known; n++) peers.use(await RawPeer.loggedIn(server.address));
    for (let n = known; n < 40; n++) await connect();
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

Deno.test("Server has room for fewer where descriptors run out behind accept, as over TLS", async () => {
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

Deno.test("Session says that there were no descriptors for it", async () => {
  let told = 0;
  const { host } = keeper();
  const conn: Connection = {
    read: () => Promise.reject(OUT_OF_DESCRIPTORS),
    write: (bytes) => Promise.resolve(bytes.length),
    close: () => {},
    setNoDelay: () => {},
  };
  const onNoDescriptors = (): void => void told++;
  await new Session(conn, SILENT, LIMITS, SYSTEM.clock, { ...host, onNoDescriptors }).run();
  assertEquals(told, 1);
});

Deno.test("Server tells once a second of accepts that fail between others", async () => {
  const { log, logged } = recordLog();
  const { system, waits } = badAccepts(1);
  await using server = await serve({ log, system });
  for (let n = 0; n < 60; n++) (await RawPeer.connect(server.address))[Symbol.dispose]();
  await until(() => waits.length >= 60, "it has failed as often");
  const ms = waits.reduce((all, wait) => all + wait, 0);
  assert(logged.length <= ms / 1_000 + 1, `${logged.length} lines in ${ms} ms`);
});

Deno.test("Server accepts at once who waits behind those that have hung up already", async () => {
  const { log, logged } = recordLog();
  const gone = new Deno.errors.NotConnected("Transport endpoint is not connected (os error 107)");
  const { system, waits } = badAccepts(1_000, gone);
  await using server = await serve({ log, system });
  using peer = await RawPeer.loggedIn(server.address);
  assertEquals((await peer.ask("ping")).ok, true);
  assertEquals([waits, logged], [[], []]);
});

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

Deno.test("Server.drain() answers what is in flight, refuses what comes, then hangs up", async () => {
  const slow = held();
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
  slow.release();
  assertEquals((await peer.hear()).id, "a");
  await within(drained, "the server to drain");
  assertEquals([server.connections, logged], [0, []]);
  assertEquals(await peer.rest(), []);
});

Deno.test("Server.drain() hangs up on nobody who has not read his answers", async () => {
  let answered = 0;
  await using server = await serve({ answer: () => (answered++, largeAnswer()) });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...LARGE);
  await until(() => answered === LARGE.length, "they are answered");
  const drained = server.drain(60_000);
  assertEquals((await peer.rest()).map(({ body }) => body.text.length), [4e6, 4e6, 4e6]);
  await within(drained, "the server to drain");
});

Deno.test("Server.drain() does not wait longer than it is told", async () => {
  const slow = held();
  await using server = await serve({ answer: slow.answer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say({ v: 1, id: "a", type: "slow" });
  await until(() => slow.asked() === 1, "it is asked");
  await within(server.drain(50), "the server to give up");
  assertEquals(await peer.rest(), []);
  slow.release();
});

Deno.test("Session tells its owner when nobody waits for an answer any more", async () => {
  const waiting = new Set<string>();
  await using server = await serve({
    answer: async ({ id }, gone) => {
      waiting.add(id);
      await sleep(60_000, gone).catch(() => {});
      if (gone.aborted) waiting.delete(id);
      return {};
    },
    limits: { line_bytes: 1000 },
  });
  using thrownOut = await RawPeer.loggedIn(server.address);
  using other = await RawPeer.loggedIn(server.address);
  await thrownOut.say({ v: 1, id: "a", type: "slow" });
  await other.say({ v: 1, id: "b", type: "slow" });
  await until(() => waiting.size === 2, "both are asked");
  await thrownOut.send("x".repeat(1001));
  await until(() => !waiting.has("a"), "the first is abandoned");
  assertEquals(waiting.has("b"), true);
  await server[Symbol.asyncDispose]();
  await until(() => waiting.size === 0, "the second is abandoned");
});

Deno.test("Server hangs up on a connection that comes while it closes", async () => {
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

Deno.test("Server says which port is taken", async () => {
  await using server = await serve();
  const { port } = server.address;
  const error = await assertRejects(() => serve({ port }), ExitError);
  assertEquals([error.reason, error.exitCode], ["port_busy", 69]);
  assert(error.message.includes(`127.0.0.1:${port}`));
  assertThrows(() => Deno.listen({ hostname: "127.0.0.1", port }), Deno.errors.AddrInUse);
});
