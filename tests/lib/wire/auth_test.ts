import { createHmac } from "node:crypto";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { CodedError } from "../../../lib/errors.ts";
import { LIMITS } from "../../../lib/wire/limits.ts";
import type { Server } from "../../../lib/server/server.ts";
import {
  type Challenge,
  equal,
  importSecret,
  makeNonce,
  prove,
  verify,
} from "../../../lib/wire/auth.ts";
import { acceptLogin, FakeServer } from "../../harness/fake_server.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { OTHER_SECRET, SECRET } from "../../harness/secrets.ts";
import { serve, serveAgain } from "../../harness/test_server.ts";
import { within } from "../../harness/waiting.ts";

/** After this many rounds, works that take the same time usually have the same least time. */
const ROUNDS_MIN = 100;
const ROUNDS_MAX = 2_000;
/** The most by which the least times of works may differ that take the same time. */
const SPREAD_MAX = 1.4;

const key = await importSecret(SECRET);
const challenge: Challenge = {
  role: "echo",
  clientNonce: makeNonce(),
  serverNonce: makeNonce(),
};

Deno.test("makeNonce() returns 32 new bytes as base64url each time", () => {
  const nonces = new Set(Array.from({ length: 1000 }, makeNonce));
  assertEquals(nonces.size, 1000);
  for (const nonce of nonces) {
    assertMatch(nonce, /^[A-Za-z0-9_-]{43}$/);
    assertEquals(Uint8Array.fromBase64(nonce, { alphabet: "base64url" }).length, 32);
  }
});

Deno.test("prove() signs the version, the direction, the role and both nonces", async () => {
  const text = `baton/1\nclient\necho\n${challenge.clientNonce}\n${challenge.serverNonce}`;
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const own = await crypto.subtle.importKey("raw", encoder.encode(SECRET), algorithm, false, [
    "sign",
  ]);
  const mac = await crypto.subtle.sign("HMAC", own, encoder.encode(text));
  const proof = new Uint8Array(mac).toBase64({ alphabet: "base64url", omitPadding: true });
  assertEquals(await prove(key, "client", challenge), proof);
});

Deno.test("verify() takes the proof for its own direction, role, nonces and key alone", async () => {
  const proof = await prove(key, "client", challenge);
  assertEquals(await verify(key, proof, "client", challenge), true);
  assertEquals(await verify(key, proof, "server", challenge), false);
  for (const name of ["role", "clientNonce", "serverNonce"] as const) {
    const other = { ...challenge, [name]: name === "role" ? "reporter" : makeNonce() };
    assertEquals(await verify(key, proof, "client", other), false, name);
  }
  const swapped = {
    ...challenge,
    clientNonce: challenge.serverNonce,
    serverNonce: challenge.clientNonce,
  };
  assertEquals(await verify(key, proof, "client", swapped), false);
  assertEquals(await verify(await importSecret(OTHER_SECRET), proof, "client", challenge), false);
});

Deno.test("verify() refuses what is no proof", async () => {
  const proof = await prove(key, "client", challenge);
  for (const wrong of ["", "x", proof.slice(1), proof + "A", "A".repeat(43), "é".repeat(43), "%"]) {
    assertEquals(await verify(key, wrong, "client", challenge), false, wrong);
  }
});

Deno.test("verify() rejects a secret that differs in one letter, in case or in length", async () => {
  const proof = await prove(key, "server", challenge);
  for (const other of [SECRET.slice(0, -1), SECRET + "\t", SECRET.toUpperCase(), SECRET + " "]) {
    assertNotEquals(other, SECRET);
    assertEquals(await verify(await importSecret(other), proof, "server", challenge), false);
  }
});

/** The one answer to every wrong proof: it says nothing about why. */
async function assertThrownOut(peer: RawPeer, reply: unknown): Promise<void> {
  assertEquals(reply, {
    v: 1,
    id: "q",
    ok: false,
    error: {
      code: "auth_failed",
      message: "Cannot let this peer in: it does not hold the secret",
      retry: "no",
      maybe_done: false,
    },
  });
  assertEquals(await peer.rest(), []);
}

Deno.test("Session answers every wrong proof alike and hangs up", async () => {
  await using server = await serve();
  const wrong: [string, unknown][] = [
    ["a proof of nothing", { mac: "A".repeat(43) }],
    ["no proof", {}],
    ["no body", undefined],
    ["a short proof", { mac: "A".repeat(42) }],
    ["a number", { mac: 5 }],
    ["an array", { mac: ["A".repeat(43)] }],
    ["more than asked", { mac: "A".repeat(43), more: 1 }],
    ["a long proof", { mac: "A".repeat(3000) }],
  ];
  await Promise.all(wrong.map(async ([_, body]) => {
    using peer = await RawPeer.connect(server.address);
    await peer.ask("hello", { nonce: makeNonce() });
    await assertThrownOut(peer, await peer.ask("auth", body));
  }));
});

Deno.test("Session throws out a peer with another secret", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  const begun = performance.now();
  await assertThrownOut(peer, await peer.logIn(OTHER_SECRET));
  assert(performance.now() - begun > 100, "whoever guesses has to wait for each answer");
});

Deno.test("Session throws out a peer that means another role", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  await assertThrownOut(peer, await peer.logIn(SECRET, "reporter"));
});

Deno.test("Session throws out a peer that sends its own proof back", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  const { body } = await peer.ask("hello", { nonce: makeNonce() });
  await assertThrownOut(peer, await peer.ask("auth", { mac: body.proof }));
});

Deno.test("Session throws out a peer that replays the proof of another connection", async () => {
  await using server = await serve();
  const nonce = makeNonce();
  using honest = await RawPeer.connect(server.address);
  const first = await honest.ask("hello", { nonce });
  const serverNonce = first.body.nonce;
  const mac = await prove(key, "client", { role: "echo", clientNonce: nonce, serverNonce });
  assertEquals((await honest.ask("auth", { mac })).ok, true);
  using thief = await RawPeer.connect(server.address);
  const second = await thief.ask("hello", { nonce });
  assertNotEquals(second.body.nonce, serverNonce);
  await assertThrownOut(thief, await thief.ask("auth", { mac }));
});

Deno.test("Session throws out a peer that proves itself before it was asked to", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  await assertThrownOut(peer, await peer.ask("auth", { mac: "A".repeat(43) }));
});

Deno.test("Session proves itself for one nonce per connection", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  assertEquals((await peer.ask("hello", { nonce: makeNonce() })).ok, true);
  assertEquals((await peer.ask("hello", { nonce: makeNonce() })).error.code, "bad_request");
});

Deno.test("Session refuses a hello without a proper nonce and goes on", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  const nonces = ["short", 5, "=".repeat(43), "A".repeat(44)].map((nonce) => ({ nonce }));
  for (const body of [undefined, {}, ...nonces]) {
    assertEquals((await peer.ask("hello", body)).error.code, "invalid_input");
  }
  assertEquals((await peer.logIn()).ok, true);
});

Deno.test("Session refuses hello and auth of a peer that is let in", async () => {
  await using server = await serve();
  using peer = await RawPeer.loggedIn(server.address);
  for (const type of ["hello", "auth"]) {
    assertEquals((await peer.ask(type, { nonce: makeNonce() })).error.code, "bad_request");
  }
  assertEquals((await peer.ask("say", { a: 1 })).body, { a: 1 });
});

Deno.test("Session answers a request that comes in one segment with auth", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  const clientNonce = makeNonce();
  const { body } = await peer.ask("hello", { nonce: clientNonce });
  const proven = { role: "echo", clientNonce, serverNonce: body.nonce };
  const long = "x".repeat(10_000); // longer than a line may be before the proof
  await peer.say(
    { v: 1, id: "a", type: "auth", body: { mac: await prove(key, "client", proven) } },
    { v: 1, id: "b", type: "say", body: { long } },
  );
  assertEquals(await peer.hear(), { v: 1, id: "a", ok: true, body: {} });
  assertEquals(await peer.hear(), { v: 1, id: "b", ok: true, body: { long } });
});

Deno.test("Session does not answer a request after a wrong proof", async () => {
  let asked = 0;
  await using server = await serve({ answer: () => Promise.resolve({ asked: ++asked }) });
  using peer = await RawPeer.connect(server.address);
  await peer.ask("hello", { nonce: makeNonce() });
  await peer.say(
    { v: 1, id: "a", type: "auth", body: { mac: "A".repeat(43) } },
    { v: 1, id: "b", type: "say", body: {} },
  );
  const replies = await peer.rest();
  assertEquals(replies.map(({ id, error }) => [id, error.code]), [["a", "auth_failed"]]);
  assertEquals(asked, 0);
});

// Seen to catch: a second secret that is not accepted, a search that ends at the one that fits, an
// empty line for a secret, the secret in a message, a proof without the version or the direction, keys
// beside the known ones in hello and its reply, any version in `protocols`.

Deno.test("importSecret() takes one line or two and nothing that is short", () => {
  assertEquals(importSecret(SECRET).length, 1);
  assertEquals(importSecret(`${SECRET}\n`).length, 1);
  assertEquals(importSecret(`${SECRET}\r\n${OTHER_SECRET}\n`).length, 2);
  for (const wrong of ["", "\n", "short", `${SECRET}\n\n`, `\n${SECRET}`, `${SECRET}\nshort`]) {
    const { message } = assertThrows(() => importSecret(wrong), RangeError, "fewer than 32");
    assertEquals(message.includes("short"), false);
  }
  assertThrows(() => importSecret(`${SECRET}\n`.repeat(3)), RangeError, "3 lines");
});

Deno.test("a secret shows nothing of itself when it is printed", () => {
  const shown = [Deno.inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key), `${key}`];
  for (const text of shown) {
    assertEquals(text.includes(SECRET) || text.includes(btoa(SECRET)), false, text);
  }
});

Deno.test("prove() uses the first secret, and verify() accepts each of them alone", () => {
  const [both, old, next] = [`${SECRET}\n${OTHER_SECRET}`, SECRET, OTHER_SECRET].map(importSecret);
  const proof = prove(both, "client", challenge);
  assertEquals(proof, prove(old, "client", challenge));
  assertEquals(verify(next, proof, "client", challenge), false);
  for (const peer of [old, next]) {
    assertEquals(verify(both, prove(peer, "client", challenge), "client", challenge), true);
    assertEquals(verify(both, prove(peer, "server", challenge), "client", challenge), false);
  }
  const third = importSecret("a third secret that is of no use here");
  assertEquals(verify(both, prove(third, "client", challenge), "client", challenge), false);
});

/** Whether these two get along. */
async function agree(server: Server, text: string): Promise<boolean> {
  const options = { address: server.address, secret: importSecret(text), role: "echo" };
  try {
    using client = await Client.connect(options);
    return (await client.call("say", { a: 1 }, { timeoutMs: 10_000 })).a === 1;
  } catch (error) {
    if (error instanceof CodedError && error.code === "auth_failed") return false;
    throw error;
  }
}

Deno.test("a secret is changed in three rounds without a moment in which peers don't get along", async () => {
  const [old, next] = [SECRET, OTHER_SECRET];
  const rounds = [old, `${old}\n${next}`, `${next}\n${old}`, next];
  for (const serverFirst of [true, false]) {
    let [client, served] = [old, old];
    let server = await serve({ secret: served });
    const { port } = server.address;
    const restart = async (secret: string): Promise<void> => {
      await server[Symbol.asyncDispose]();
      server = await serveAgain({ secret: served = secret, port });
    };
    try {
      for (const round of rounds.slice(1)) {
        const steps = [() => restart(round), () => Promise.resolve(client = round)];
        for (const step of serverFirst ? steps : steps.reverse()) {
          await step();
          assertEquals(await agree(server, client), true, `${client} | ${served}`);
        }
      }
      assertEquals(await agree(server, old), false, "the old secret is over");
    } finally {
      await server[Symbol.asyncDispose]();
    }
  }
});

Deno.test("Session speaks no other version and takes no choice of algorithm", async () => {
  await using server = await serve();
  using peer = await RawPeer.connect(server.address);
  const nonce = makeNonce();
  for (const v of [0, 2, "1", null]) {
    const { ok, error } = await peer.ask("hello", { nonce }, { v });
    assertEquals([ok, error.code === "unsupported_version" || error.code === "bad_request"], [
      false,
      true,
    ]);
  }
  for (const more of [{ algorithm: "none" }, { protocols: [0] }, { v: 1 }]) {
    assertEquals((await peer.ask("hello", { nonce, ...more })).error.code, "invalid_input");
  }
  const { body } = await peer.ask("hello", { nonce });
  const proven = { role: "echo", clientNonce: nonce, serverNonce: body.nonce };
  const mac = prove(key, "client", proven);
  await assertThrownOut(peer, await peer.ask("auth", { mac, algorithm: "none" }));
});

Deno.test("Client.connect() rejects a server that speaks another version or sends extra fields in its welcome", async () => {
  const secret = importSecret(SECRET);
  const limits = { ...LIMITS, line_bytes: 0 };
  for (const more of [{ protocols: [2] }, { protocols: [] }, { algorithm: "none" }, { limits }]) {
    await using server = new FakeServer((peer) => acceptLogin(peer, { more }));
    const connected = Client.connect({ address: server.address, secret, role: "echo" });
    const { code } = await within(assertRejects(() => connected, CodedError), "a refusal");
    assertEquals(code, "auth_failed", JSON.stringify(more));
  }
});

Deno.test("a proof for another version of the protocol is none", () => {
  const words = ["client", challenge.role, challenge.clientNonce, challenge.serverNonce];
  for (const version of ["baton/1", "baton/0", "baton/2", ""]) {
    const hmac = createHmac("sha256", SECRET).update([version, ...words].join("\n")).digest();
    const proof = hmac.toString("base64url");
    assertEquals(verify(key, proof, "client", challenge), version === "baton/1", version);
  }
});

Deno.test("verify() takes no longer for a proof that begins right, or for the second secret", () => {
  const both = importSecret(`${SECRET}\n${OTHER_SECRET}`);
  const right = prove(both, "client", challenge);
  const proofs = [
    right,
    prove(importSecret(OTHER_SECRET), "client", challenge),
    right.slice(0, 30) + "A".repeat(13),
    "_".repeat(43),
  ];
  const works = proofs.map((proof) => () => {
    for (let n = 0; n < 20; n++) verify(both, proof, "client", challenge);
  });
  // One that stops at the first secret that fits takes half of the time.
  assertSameTime(works);
});

Deno.test("equal() takes the same time wherever the first difference is", () => {
  // So long that a comparison which ends at the first difference takes a fraction of the time.
  const right = crypto.getRandomValues(new Uint8Array(8_192));
  const places = [0, 1, 2, 4, 8, 16, 1_024, 4_096, 8_191];
  const given = [
    ...places.map((at) => {
      const bytes = right.slice();
      bytes[at] ^= 1;
      return bytes;
    }),
    right.slice(),
  ];
  assertSameTime(given.map((bytes) => () => {
    for (let n = 0; n < 4; n++) equal(bytes, right);
  }));
  assertEquals(given.map((bytes) => equal(bytes, right)).indexOf(true), places.length);
});

/**
 * Runs all in turns until the least time of each is nearly the same, which is all that other work on
 * the machine leaves alone: it only ever adds to a time.
 */
function assertSameTime(works: readonly (() => void)[]): void {
  const leastMs = works.map(() => Infinity);
  let spread = Infinity;
  for (let round = 0; round < ROUNDS_MIN || (round < ROUNDS_MAX && spread >= SPREAD_MAX); round++) {
    for (const [at, work] of works.entries()) {
      const begun = performance.now();
      work();
      leastMs[at] = Math.min(leastMs[at], performance.now() - begun);
    }
    spread = Math.max(...leastMs) / Math.min(...leastMs);
  }
  assert(spread < SPREAD_MAX, `${leastMs.map((ms) => ms.toFixed(4))} ms`);
}
