import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Challenge, importSecret, makeNonce, prove, verify } from "../../lib/auth.ts";
import { OTHER_SECRET, Peer, SECRET, serve } from "./wire.ts";

const key = await importSecret(SECRET);
const challenge: Challenge = {
  role: "echo",
  clientNonce: makeNonce(),
  serverNonce: makeNonce(),
};

Deno.test("makeNonce() gives 32 bytes as base64url, new ones each time", () => {
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

Deno.test("verify() tells secrets apart that differ in one letter, in case or in length", async () => {
  const proof = await prove(key, "server", challenge);
  for (const other of [SECRET.slice(0, -1), SECRET + "\n", SECRET.toUpperCase(), SECRET + " "]) {
    assertNotEquals(other, SECRET);
    assertEquals(await verify(await importSecret(other), proof, "server", challenge), false);
  }
});

/** The one answer to every wrong proof: it says nothing about why. */
async function assertThrownOut(peer: Peer, reply: unknown): Promise<void> {
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

Deno.test("Session gives every wrong proof the same answer and hangs up", async () => {
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
    using peer = await Peer.connect(server.address);
    await peer.ask("hello", { nonce: makeNonce() });
    await assertThrownOut(peer, await peer.ask("auth", body));
  }));
});

Deno.test("Session throws out a peer with another secret", async () => {
  await using server = await serve();
  using peer = await Peer.connect(server.address);
  const begun = performance.now();
  await assertThrownOut(peer, await peer.logIn(OTHER_SECRET));
  assert(performance.now() - begun > 100, "whoever guesses has to wait for each answer");
});

Deno.test("Session throws out a peer that means another role", async () => {
  await using server = await serve();
  using peer = await Peer.connect(server.address);
  await assertThrownOut(peer, await peer.logIn(SECRET, "reporter"));
});

Deno.test("Session throws out a peer that sends its own proof back", async () => {
  await using server = await serve();
  using peer = await Peer.connect(server.address);
  const { body } = await peer.ask("hello", { nonce: makeNonce() });
  await assertThrownOut(peer, await peer.ask("auth", { mac: body.proof }));
});

Deno.test("Session throws out a peer that replays the proof of another connection", async () => {
  await using server = await serve();
  const nonce = makeNonce();
  using honest = await Peer.connect(server.address);
  const first = await honest.ask("hello", { nonce });
  const serverNonce = first.body.nonce;
  const mac = await prove(key, "client", { role: "echo", clientNonce: nonce, serverNonce });
  assertEquals((await honest.ask("auth", { mac })).ok, true);
  using thief = await Peer.connect(server.address);
  const second = await thief.ask("hello", { nonce });
  assertNotEquals(second.body.nonce, serverNonce);
  await assertThrownOut(thief, await thief.ask("auth", { mac }));
});

Deno.test("Session throws out a peer that proves itself before it was asked to", async () => {
  await using server = await serve();
  using peer = await Peer.connect(server.address);
  await assertThrownOut(peer, await peer.ask("auth", { mac: "A".repeat(43) }));
});

Deno.test("Session gives its proof for one nonce a connection", async () => {
  await using server = await serve();
  using peer = await Peer.connect(server.address);
  assertEquals((await peer.ask("hello", { nonce: makeNonce() })).ok, true);
  assertEquals((await peer.ask("hello", { nonce: makeNonce() })).error.code, "bad_request");
});

Deno.test("Session refuses a hello without a proper nonce and goes on", async () => {
  await using server = await serve();
  using peer = await Peer.connect(server.address);
  for (const body of [undefined, {}, { nonce: "short" }, { nonce: 5 }, { nonce: "=".repeat(43) }]) {
    assertEquals((await peer.ask("hello", body)).error.code, "invalid_input");
  }
  assertEquals((await peer.logIn()).ok, true);
});

Deno.test("Session refuses hello and auth of a peer that is let in", async () => {
  await using server = await serve();
  using peer = await Peer.loggedIn(server.address);
  for (const type of ["hello", "auth"]) {
    assertEquals((await peer.ask(type, { nonce: makeNonce() })).error.code, "bad_request");
  }
  assertEquals((await peer.ask("say", { a: 1 })).body, { a: 1 });
});

Deno.test("Session answers a request that comes in one segment with auth", async () => {
  await using server = await serve();
  using peer = await Peer.connect(server.address);
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

Deno.test("Session does not answer a request behind a wrong proof", async () => {
  let asked = 0;
  await using server = await serve({ answer: () => Promise.resolve({ asked: ++asked }) });
  using peer = await Peer.connect(server.address);
  await peer.ask("hello", { nonce: makeNonce() });
  await peer.say(
    { v: 1, id: "a", type: "auth", body: { mac: "A".repeat(43) } },
    { v: 1, id: "b", type: "say", body: {} },
  );
  const replies = await peer.rest();
  assertEquals(replies.map(({ id, error }) => [id, error.code]), [["a", "auth_failed"]]);
  assertEquals(asked, 0);
});
