/**
 * Holds many bad connections against a port of this machine, and opens each anew as soon as it
 * ends: `besiege_main.ts KIND PORT COUNT [CA]`, over TLS where the file of a CA is given. Writes one
 * byte when all were there, and goes on until it is killed.
 *
 * @module
 */
import { type Message, OTHER_SECRET, Peer, within } from "../lib/wire.ts";
import { HOST, SECRET } from "./agent_process.ts";

/** A slow one sends its next byte after so long. */
const DRIP_MS = 1_000;
/** Requests that are asked each second by who never reads. */
const ASKED = 2;
const PINGS = '{"v":1,"id":"p","type":"ping"}\n'.repeat(1_000);
const LINE = JSON.stringify({ v: 1, id: "slow", type: "hello", body: { nonce: "x".repeat(43) } });

/** What whoever speaks TLS begins with. */
const HELLO = await clientHello();

const [kind, port, count, ca] = Deno.args;
const trusted = ca === undefined ? undefined : await Deno.readTextFile(ca);
const address = { hostname: HOST, port: Number(port) };
const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Those who never speak TLS, even where it is spoken. */
const WITHOUT_TLS = ["silent", "connects", "half a handshake", "a hello alone", "garbage"];

/** What is done with each connection, until it is over. */
const KINDS: Readonly<Record<string, (peer: Peer<Deno.Conn>) => Promise<unknown>>> = {
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
  pings: async (peer) => {
    await Promise.race([readToEnd(peer), flood(peer)]);
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

async function logIn(peer: Peer<Deno.Conn>): Promise<void> {
  const { ok }: Message = await peer.logIn(SECRET);
  if (!ok) throw new Error("There is no room");
}

async function readToEnd({ conn }: Peer<Deno.Conn>): Promise<void> {
  const block = new Uint8Array(1024);
  while (await conn.read(block) !== null);
}

async function flood(peer: Peer<Deno.Conn>): Promise<void> {
  while (true) await peer.send(PINGS);
}

async function drip(peer: Peer<Deno.Conn>): Promise<void> {
  for (const byte of LINE) {
    await peer.send(byte);
    await turn(DRIP_MS);
  }
}

let held = 0;

async function open(): Promise<Peer<Deno.Conn>> {
  if (trusted === undefined || WITHOUT_TLS.includes(kind)) return await Peer.connect(address);
  const peer = await Peer.overTls(address, trusted);
  try {
    await peer.conn.handshake();
    return peer;
  } catch (error) {
    peer.conn.close();
    throw error;
  }
}

async function besiege(): Promise<void> {
  for (let isNew = true;;) {
    try {
      using peer = await open();
      if (isNew && ++held === Number(count)) await Deno.stdout.write(new Uint8Array([0x21]));
      isNew = false;
      await KINDS[kind](peer);
    } catch { /* it was hung up on, and comes again */ }
    await turn(0);
  }
}

for (let n = 0; n < Number(count); n++) besiege();
