import { assert, assertEquals, assertRejects } from "@std/assert";
import { makeNonce } from "../../../lib/wire/auth.ts";
import { CodedError } from "../../../lib/errors.ts";
import { LIMITS } from "../../../lib/wire/limits.ts";
import { sleep } from "../../../lib/retry.ts";
import { Session } from "../../../lib/server/session.ts";
import { type Connection, SYSTEM } from "../../../lib/system.ts";
import { ManualClock } from "../../harness/manual_clock.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { recordLog } from "../../harness/recorded_log.ts";
import { serve } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";
import {
  codesOf,
  gatedAnswer,
  HOST,
  LARGE,
  largeAnswer,
  OUT_OF_DESCRIPTORS,
  SERVICE,
  sessionWith,
} from "./sessions.ts";

Deno.test("Session says in hello who it is and which limits hold", async () => {
  await using server = await serve({ limits: { in_flight: 5 } });
  using peer = await RawPeer.connect(server.address);
  const { body } = await peer.ask("hello", { nonce: makeNonce() });
  assertEquals([body.role, body.name, body.version, body.protocols], ["echo", "echo-1", "1.0.0", [
    1,
  ]]);
  assertEquals(body.limits, { ...LIMITS, in_flight: 5 });
});

Deno.test("Session answers ping and health before the proof, and nothing else", async () => {
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

Deno.test("Session replies the same however the bytes of a request are cut", async () => {
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

Deno.test("Session answers each of a thousand requests of one segment once", async () => {
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

Deno.test("Session replies in the order in which answers are ready", async () => {
  const slow = gatedAnswer();
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
  slow.open();
  assertEquals((await peer.hear()).id, "first");
});

Deno.test("Session refuses requests beyond in_flight and answers the others", async () => {
  const slow = gatedAnswer();
  await using server = await serve({ answer: slow.answer, limits: { in_flight: 3 } });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...Array.from({ length: 10 }, (_, n) => ({ v: 1, id: `n${n}`, type: "slow" })));
  const refused = await peer.hearAll(7);
  assertEquals(new Set(codesOf([...refused.values()])), new Set(["too_many_in_flight"]));
  assertEquals(refused.get("n3").error.retry, "after");
  assertEquals((await peer.ask("ping")).ok, true);
  slow.open();
  const answered = await peer.hearAll(3);
  assertEquals([...answered.keys()].sort(), ["n0", "n1", "n2"]);
  assertEquals(slow.asked(), 3);
  assertEquals((await peer.ask("slow")).ok, true);
});

Deno.test("Session skips empty lines, and hangs up after a hundred in a row", async () => {
  await using server = await serve();
  using peer = await RawPeer.loggedIn(server.address);
  const ping = JSON.stringify({ v: 1, id: "p", type: "ping" });
  for (let n = 0; n < 3; n++) {
    await peer.send("\n\r\n".repeat(50), ping, "\n");
    assertEquals((await peer.hear()).id, "p");
  }
  await peer.send("\n".repeat(101), ping, "\n");
  assertEquals(codesOf(await peer.rest()), ["bad_json"]);
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
  const slow = gatedAnswer();
  await using server = await serve({ answer: slow.answer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say({ v: 1, id: "a", type: "slow" }, { v: 1, id: "b", type: "slow" });
  await peer.conn.closeWrite();
  await until(() => slow.asked() === 2, "both are asked");
  slow.open();
  assertEquals((await peer.rest()).map(({ id }) => id).sort(), ["a", "b"]);
});

Deno.test("Session sends whole replies to a peer that has closed its side", async () => {
  await using server = await serve({ answer: largeAnswer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...LARGE);
  await peer.conn.closeWrite();
  assertEquals((await peer.rest()).map(({ body }) => body.text.length), [4e6, 4e6, 4e6]);
});

Deno.test("Session answers no request that arrived together with the line that closed it", async () => {
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

Deno.test("Session accepts a line of exactly line_bytes and hangs up at one byte more", async () => {
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

Deno.test("Session accepts lines of 4096 bytes before the proof and hangs up at one byte more", async () => {
  await using server = await serve();
  const padded = (size: number): string => '{"v":1,"id":"a","type":"ping"}'.padEnd(size) + "\n";
  using peer = await RawPeer.connect(server.address);
  await peer.send(padded(4096));
  assertEquals((await peer.hear()).ok, true);
  await peer.send(padded(4097));
  assertEquals(codesOf(await peer.rest()), ["line_too_long"]);
});

Deno.test("Session hangs up on bytes without a line end", async () => {
  await using server = await serve({ limits: { line_bytes: 100_000 } });
  using peer = await RawPeer.loggedIn(server.address);
  const block = new Uint8Array(1024 * 1024).fill(0x78);
  const flooding = (async () => {
    for (let n = 0; n < 100; n++) await peer.send(block);
  })();
  assertEquals(codesOf(await peer.rest()), ["line_too_long"]);
  await assertRejects(() => within(flooding, "the flood to be stopped"));
});

Deno.test("Session answers what is in flight before it hangs up on bad JSON", async () => {
  const slow = gatedAnswer();
  await using server = await serve({ answer: slow.answer });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say({ v: 1, id: "a", type: "slow" });
  await peer.send('{"v":1,"id":"b"\n{"v":1,"id":"c","type":"slow"}\n');
  const refused = await peer.hear();
  assertEquals([refused.id, refused.error.code], [undefined, "bad_json"]);
  slow.open();
  assertEquals((await peer.rest()).map(({ id }) => id), ["a"]);
  assertEquals(slow.asked(), 1);
});

Deno.test("Session refuses a request of the wrong shape and goes on", async () => {
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

Deno.test("Session reports a bug to its owner and a reference to the peer", async () => {
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

Deno.test("Session answers a bug in health() as any other, before and after the proof", async () => {
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

Deno.test("Session reports a reply that is too long for any peer, in place of sending it", async () => {
  await using server = await serve({
    answer: ({ type }) => Promise.resolve({ text: "x".repeat(type === "fits" ? 4e6 : 4.2e6) }),
  });
  using peer = await RawPeer.loggedIn(server.address);
  assertEquals((await peer.ask("fits")).ok, true);
  const { error } = await peer.ask("large");
  assertEquals([error.code, error.retry, error.maybe_done], ["bad_output", "no", true]);
  assertEquals((await peer.ask("ping")).ok, true);
});

Deno.test("Session ends if the peer reads nothing", async () => {
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

Deno.test("Session ends if too many replies wait unread", async () => {
  await using server = await serve({
    answer: () => Promise.resolve({ text: "x".repeat(1_000_000) }),
    limits: { unread_bytes: 2_000_000, write_ms: 60_000 },
  });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.say(...Array.from({ length: 60 }, (_, n) => ({ v: 1, id: `n${n}`, type: "large" })));
  // Nothing is read before that: a peer that keeps up would get all replies.
  await until(() => server.connections === 0, "the connection is closed");
  const replies = await peer.rest();
  assert(replies.length < 60, `${replies.length} replies came all the same`);
});

Deno.test("Session ends without a proof in time, whether the peer is silent or not", async () => {
  const { log, logged } = recordLog();
  const clock = new ManualClock();
  const system = { ...SYSTEM, clock };
  await using server = await serve({ limits: { auth_ms: 300 }, log, system });
  using silent = await RawPeer.connect(server.address);
  using talker = await RawPeer.connect(server.address);
  using dripper = await RawPeer.connect(server.address);
  await talker.ask("hello", { nonce: makeNonce() });
  await talker.ask("ping");
  await dripper.send("{");
  assertEquals(server.connections, 3);
  clock.pass(301);
  for (const peer of [silent, talker, dripper]) {
    const [last] = await peer.rest();
    assertEquals([last.id, last.error.code], [undefined, "auth_required"]);
  }
  await until(() => server.connections === 0, "the connections are given back");
  assertEquals(logged, [], "a stranger can't fill the log");
});

Deno.test("Session ends if a line does not end in time", async () => {
  const clock = new ManualClock();
  const system = { ...SYSTEM, clock };
  await using server = await serve({ limits: { line_ms: 300 }, system });
  using peer = await RawPeer.loggedIn(server.address);
  await peer.send('{"v":1,"id":"a","type":"ping"}\n{"v":1,"id":"b"');
  assertEquals((await peer.hear()).id, "a");
  clock.pass(301);
  const [last] = await peer.rest();
  assertEquals([last.id, last.error.code], [undefined, "bad_request"]);
  assert(last.error.message.includes("a line did not end within 300 ms"), last.error.message);
});

Deno.test("Session ends an idle peer, but not one that waits for an answer", async () => {
  const slow = gatedAnswer();
  const clock = new ManualClock();
  const system = { ...SYSTEM, clock };
  await using server = await serve({ answer: slow.answer, limits: { idle_ms: 400 }, system });
  using waiting = await RawPeer.loggedIn(server.address);
  await waiting.say({ v: 1, id: "a", type: "slow" });
  using idle = await RawPeer.loggedIn(server.address);
  await until(() => slow.asked() === 1, "the other peer waits for an answer");
  clock.pass(401);
  const [last] = await idle.rest();
  assert(last.error.message.includes("nothing was asked for 400 ms"), last.error.message);
  slow.open();
  assertEquals((await waiting.hear()).id, "a");
});

Deno.test("Session frees its line buffer once it is closed", async () => {
  let total = 0;
  const host = { onBuffered: (bytes: number): void => void (total += bytes) };
  await using pair = await sessionWith({}, gatedAnswer().answer, host);
  assertEquals([pair.session.buffered, total], [4_096, 4_096]);
  pair.session.close();
  assertEquals([pair.session.buffered, total], [0, 0]);
});

Deno.test("Session counts idleness from the last answer", async () => {
  const slow = gatedAnswer();
  await using pair = await sessionWith({ idle_ms: 100 }, slow.answer);
  const { session, peer } = pair;
  await peer.logIn();
  await peer.say({ v: 1, id: "a", type: "slow" });
  await until(() => slow.asked() === 1, "it is asked");
  const asked = performance.now();
  await until(() => performance.now() > asked + 150, "it has been idle but for the request");
  assertEquals(session.overdue(performance.now()), undefined);
  const released = performance.now();
  slow.open();
  await peer.hear();
  await until(() => session.inFlight === 0, "nothing is in flight");
  assertEquals(session.overdue(released + 99), undefined);
  assertEquals(session.overdue(performance.now() + 101)?.code, "bad_request");
});

Deno.test("Session does not wait for the end of a line that the peer gave up", async () => {
  const slow = gatedAnswer();
  await using pair = await sessionWith({ line_ms: 100 }, slow.answer);
  const { session, peer } = pair;
  await peer.logIn();
  await peer.send('{"v":1,"id":"a","type":"slow"}\n{"v":1');
  await until(() => session.overdue(performance.now() + 101) !== undefined, "half a line is here");
  await peer.conn.closeWrite();
  await until(() => session.overdue(performance.now() + 101) === undefined, "it is given up");
  slow.open();
  assertEquals((await peer.rest()).map(({ id }) => id), ["a"]);
});

Deno.test("Session.close(reason), called again, does not wait for the reason to be read", async () => {
  const hungUp = Promise.withResolvers<null>();
  const conn = {
    read: () => hungUp.promise,
    write: () => hungUp.promise.then(() => Promise.reject(new Deno.errors.Interrupted())),
    close: () => hungUp.resolve(null),
  } as unknown as Deno.Conn;
  const session = new Session(conn, SERVICE, LIMITS, HOST);
  const running = session.run();
  const late = (): CodedError => session.overdue(performance.now() + LIMITS.idle_ms)!;
  session.close(late());
  await sleep(0); // the last line is on its way, and stays there
  session.close(late());
  await within(running, "the session to end");
});

Deno.test("Session.close(reason) after shed() does not tell a second reason", async () => {
  await using pair = await sessionWith({}, gatedAnswer().answer);
  await pair.peer.ask("ping");
  pair.session.shed(new CodedError("busy", "Cannot keep this connection"));
  pair.session.close(new CodedError("slow_reader", "Closed"));
  assertEquals(codesOf(await pair.peer.rest()), ["busy"]);
});

Deno.test("Session ends with its connection, even if a write outlives it", async () => {
  const hungUp = Promise.withResolvers<null>();
  const conn = {
    read: () => hungUp.promise,
    write: () => new Promise<number>(() => {}), // as Deno 2.7 leaves one that the peer does not take
    close: () => hungUp.resolve(null),
  };
  const session = new Session(conn, SERVICE, LIMITS, HOST);
  const running = session.run();
  const late = (): CodedError => session.overdue(performance.now() + LIMITS.idle_ms)!;
  session.close(late());
  await sleep(0);
  session.close(late());
  await within(running, "the session to end");
});

Deno.test("Session ends when its descriptors are free, and not before", async () => {
  const [hungUp, freed] = [Promise.withResolvers<null>(), Promise.withResolvers<void>()];
  const conn = {
    read: () => hungUp.promise,
    write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
    close: () => (hungUp.resolve(null), freed.promise),
  };
  const session = new Session(conn, SERVICE, LIMITS, HOST);
  let isOver = false;
  const running = session.run().then(() => isOver = true);
  session.close();
  await sleep(0);
  assertEquals(isOver, false);
  freed.resolve();
  await within(running, "the session to end");
});

Deno.test("Session reports that descriptors ran out", async () => {
  let reported = 0;
  const conn: Connection = {
    read: () => Promise.reject(OUT_OF_DESCRIPTORS),
    write: (bytes) => Promise.resolve(bytes.length),
    close: () => {},
    setNoDelay: () => {},
  };
  const onOutOfDescriptors = (): void => void reported++;
  await new Session(conn, SERVICE, LIMITS, { ...HOST, onOutOfDescriptors }).run();
  assertEquals(reported, 1);
});

Deno.test("Session aborts the signal of a request when nobody waits for its answer any more", async () => {
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
