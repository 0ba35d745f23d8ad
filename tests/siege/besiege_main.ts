/**
 * Holds COUNT bad connections against a port of this machine and opens each anew as soon as it ends:
 * `besiege_main.ts KIND PORT COUNT [CA]`, over TLS if a CA's file is given. A kind of FLOODS opens
 * COUNT new connections each second instead. Writes one byte once it has begun in full, and goes on
 * until it is killed.
 *
 * @module
 */
import { connect } from "node:net";
import { HOST } from "../harness/agent_process.ts";
import { type Message, RawPeer } from "../harness/raw_peer.ts";
import { OTHER_SECRET, SECRET } from "../harness/secrets.ts";
import { within } from "../harness/waiting.ts";

/** Time between two bytes of a slow peer. */
const DRIP_MS = 1_000;
/** Requests that a peer which never reads sends each second. */
const ASKED = 2;
/** From how many addresses ever new connections are opened. */
const FLOODS: Readonly<Record<string, number>> = {
  "newcomers": 1,
  "newcomers of many addresses": 900,
};
const TICK_MS = 5;
/** A flood has begun in full after this many connections. */
const FLOOD_BEGUN = 1_000;
/** Connections that are opened in one tick at most. */
const CATCH_UP_MAX = 100;
const PINGS = '{"v":1,"id":"p","type":"ping"}\n'.repeat(1_000);
/** Bodies that make a line as slow to read as a line can be. */
const LARGE: Readonly<Record<string, { type: string; body: () => unknown }>> = {
  "large lines": { type: "ping", body: () => ({ x: Array(999_000).fill(0) }) },
  "many keys": {
    type: "stats",
    body: () => Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [n + "k", 1])),
  },
  "large requests": { type: "greet", body: () => ({ name: "y".repeat(4_100_000) }) },
};
const LINE = JSON.stringify({ v: 1, id: "slow", type: "hello", body: { nonce: "x".repeat(43) } });

/** How a TLS connection begins. */
const HELLO = await clientHello();

const [kind, port, count, ca] = Deno.args;
const addresses = FLOODS[kind];
const large = kind in LARGE ? largeLine(LARGE[kind]) : "";
const trusted = ca === undefined ? undefined : await Deno.readTextFile(ca);
const address = { hostname: HOST, port: Number(port) };
const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let opened = 0;
/** Resolves when the siege has begun in full. */
const begun = Promise.withResolvers<void>();

/** Kinds that never speak TLS, even to a server that does. */
const WITHOUT_TLS = ["silent", "connects", "half a handshake", "a hello alone", "garbage"];

/** What each kind does with a connection; then the next one is opened. */
const KINDS: Readonly<Record<string, (peer: RawPeer<Deno.Conn>) => Promise<unknown>>> = {
  silent: (peer) => readToEnd(peer),
  connects: () => Promise.resolve(),
  "half a handshake": async (peer) => {
    await peer.send(HELLO.subarray(0, HELLO.length / 2));
    await readToEnd(peer);
  },
  "a hello alone": async (peer) => {
    await peer.send(HELLO);
    await readToEnd(peer);
  },
  garbage: async (peer) => {
    await peer.send("GET / HTTP/1.1\r\n\r\n");
    await readToEnd(peer);
  },
  slow: (peer) => Promise.race([readToEnd(peer), drip(peer)]),
  "slow, logged in": async (peer) => {
    await logIn(peer);
    await Promise.race([readToEnd(peer), drip(peer)]);
  },
  "more than there is room for": async (peer) => {
    await logIn(peer);
    await readToEnd(peer);
  },
  pings: async (peer) => {
    await begun.promise; // a flood from here would delay the others' first connections
    await Promise.race([readToEnd(peer), flood(peer, PINGS)]);
  },
  guesses: (peer) => within(peer.logIn(OTHER_SECRET), "the refusal"),
  "never reads": async (peer) => {
    await logIn(peer);
    while (true) {
      const asked = Array.from({ length: ASKED }, (_, n) => ({ v: 1, id: `n${n}`, type: "info" }));
      await peer.say(...asked);
      await turn(DRIP_MS);
    }
  },
};

async function clientHello(): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  const connecting = Deno.connectTls(listener.addr as Deno.NetAddr).catch(() => {});
  using conn = await listener.accept();
  const hello = new Uint8Array(16 * 1024);
  const read = await conn.read(hello);
  (await connecting)?.close();
  return hello.subarray(0, read!);
}

async function logIn(peer: RawPeer<Deno.Conn>): Promise<void> {
  const { ok }: Message = await peer.logIn(SECRET);
  if (!ok) throw new Error("There is no room");
}

async function readToEnd({ conn }: RawPeer<Deno.Conn>): Promise<void> {
  const block = new Uint8Array(1024);
  while (await conn.read(block) !== null);
}

async function sendLarge(peer: RawPeer<Deno.Conn>): Promise<void> {
  await logIn(peer);
  await Promise.race([readToEnd(peer), flood(peer, large)]);
}

async function flood(peer: RawPeer<Deno.Conn>, lines: string): Promise<void> {
  const bytes = new TextEncoder().encode(lines);
  while (true) await peer.send(bytes);
}

async function drip(peer: RawPeer<Deno.Conn>): Promise<void> {
  for (const byte of LINE) {
    await peer.send(byte);
    await turn(DRIP_MS);
  }
}

function largeLine({ type, body }: (typeof LARGE)[string]): string {
  return JSON.stringify({ v: 1, id: "large", type, body: body() }) + "\n";
}

async function wasOpened(): Promise<void> {
  if (++opened !== (addresses === undefined ? Number(count) : FLOOD_BEGUN)) return;
  begun.resolve();
  await Deno.stdout.write(new Uint8Array([0x21]));
}

async function open(): Promise<RawPeer<Deno.Conn>> {
  if (trusted === undefined || WITHOUT_TLS.includes(kind)) return await RawPeer.connect(address);
  const peer = await RawPeer.overTls(address, trusted);
  try {
    await peer.conn.handshake();
    return peer;
  } catch (error) {
    peer.conn.close();
    throw error;
  }
}

/** Opens a connection again and again, but only once before all others were open once. */
async function besiege(work: (peer: RawPeer<Deno.Conn>) => Promise<unknown>): Promise<void> {
  for (let isNew = true;;) {
    try {
      using peer = await open();
      if (isNew) await wasOpened();
      isNew = false;
      await work(peer);
    } catch { /* the server hung up */ }
    if (!isNew) await begun.promise;
    await turn(0);
  }
}

/**
 * Opens connections at the pace of the clock, whatever becomes of them. What a slow machine misses is
 * left out: to catch up would leave no time to notice that any was opened.
 */
function openAnew(perSecond: number, addresses: number): void {
  const begun = performance.now();
  let opened = 0;
  setInterval(() => {
    const due = (performance.now() - begun) / 1_000 * perSecond;
    opened = Math.max(opened, Math.floor(due - CATCH_UP_MAX));
    for (; opened < due; opened++) {
      const n = opened % addresses;
      const localAddress = `127.0.${1 + Math.floor(n / 250)}.${1 + n % 250}`;
      connect({ host: HOST, port: Number(port), localAddress })
        .on("connect", wasOpened)
        .on("error", () => {}) // the server hung up
        .resume();
    }
  }, TICK_MS);
}

if (addresses !== undefined) openAnew(Number(count), addresses);
else for (let n = 0; n < Number(count); n++) besiege(KINDS[kind] ?? sendLarge);
