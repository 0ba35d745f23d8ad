/**
 * Holds many bad connections against a port of this machine, and opens each anew as soon as it
 * ends: `besiege_main.ts KIND PORT COUNT`. Writes one byte when all were there, and goes on until it is
 * killed.
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

const [kind, port, count] = Deno.args;
const address = { hostname: HOST, port: Number(port) };
const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What is done with each connection, until it is over. */
const KINDS: Readonly<Record<string, (peer: Peer) => Promise<unknown>>> = {
  silent: (peer) => readToEnd(peer),
  slow: (peer) => Promise.race([readToEnd(peer), drip(peer)]),
  "slow, logged in": async (peer) => {
    await logIn(peer);
    await Promise.race([readToEnd(peer), drip(peer)]);
  },
  garbage: async (peer) => {
    await peer.send("GET / HTTP/1.1\r\n\r\n");
    await readToEnd(peer);
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

async function logIn(peer: Peer): Promise<void> {
  const { ok }: Message = await peer.logIn(SECRET);
  if (!ok) throw new Error("There is no room");
}

async function readToEnd({ conn }: Peer): Promise<void> {
  const block = new Uint8Array(1024);
  while (await conn.read(block) !== null);
}

async function flood(peer: Peer): Promise<void> {
  while (true) await peer.send(PINGS);
}

async function drip(peer: Peer): Promise<void> {
  for (const byte of LINE) {
    await peer.send(byte);
    await turn(DRIP_MS);
  }
}

let held = 0;

async function besiege(): Promise<void> {
  for (let first = true;; first = false) {
    try {
      using peer = await Peer.connect(address);
      if (first && ++held === Number(count)) await Deno.stdout.write(new Uint8Array([0x21]));
      await KINDS[kind](peer);
    } catch { /* it was hung up on, and comes again */ }
    await turn(0);
  }
}

for (let n = 0; n < Number(count); n++) besiege();
