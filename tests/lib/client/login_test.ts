import { assert, assertEquals } from "@std/assert";
import { LIMITS } from "../../../lib/wire/limits.ts";
import { acceptLogin, FakeServer } from "../../harness/fake_server.ts";
import type { Message } from "../../harness/raw_peer.ts";
import { OTHER_SECRET } from "../../harness/secrets.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { connect, ok, rejection } from "./client_harness.ts";

Deno.test("Client.connect() trusts no server of another role", async () => {
  await using server = await serve({ role: "reporter" });
  const error = await rejection(connect(server.address));
  assertEquals(error.code, "auth_failed");
  assert(error.message.includes('it is "reporter", not "echo"'), error.message);
});

Deno.test("Client.connect() trusts no server with another secret and proves nothing to it", async () => {
  const heard: string[] = [];
  await using server = new FakeServer(async (peer) => {
    const script = acceptLogin(peer, { secret: OTHER_SECRET });
    await script.then(() => heard.push("a proof"), () => heard.push("hung up"));
  });
  const error = await rejection(connect(server.address));
  assertEquals(error.code, "auth_failed");
  await until(() => heard.length > 0, "the server is through");
  assertEquals(heard, ["hung up"]);
  await using honest = await serve({ secret: OTHER_SECRET });
  assertEquals((await rejection(connect(honest.address))).code, "auth_failed");
});

Deno.test("Client.connect() sends no proof to a server that has none", async () => {
  const heard: string[] = [];
  await using server = new FakeServer(async (peer) => {
    const hello = await peer.hear();
    await peer.say(ok(hello.id, {
      role: "echo",
      name: "echo-1",
      version: "1.0.0",
      protocols: [1],
      nonce: hello.body.nonce,
      proof: hello.body.nonce,
      limits: (await serveLimits()).limits,
    }));
    heard.push(await peer.line() ?? "hung up");
  });
  assertEquals((await rejection(connect(server.address))).code, "auth_failed");
  await until(() => heard.length > 0, "the server is through");
  assertEquals(heard, ["hung up"]);
});

/** What a real server says of itself. */
async function serveLimits(): Promise<Message> {
  await using server = await serve();
  using client = await connect(server.address);
  return client.welcome;
}

Deno.test("Client.connect() trusts no server whose hello it can't read", async () => {
  await using server = new FakeServer(async (peer) => {
    await peer.say(ok((await peer.hear()).id, { role: "echo" }));
  });
  const error = await rejection(connect(server.address));
  assertEquals(error.code, "auth_failed");
  assert(error.message.includes("does not speak baton/1"), error.message);
});

Deno.test("Client.connect() reads no more than a hello takes before it knows who answers", async () => {
  await using server = new FakeServer(async (peer) => {
    const { id } = await peer.hear();
    await peer.say(ok(id, { protocols: Array(30_000).fill("") }));
  });
  const { message } = await rejection(connect(server.address));
  assert(message.includes("more than 65536 bytes"), message);
});

Deno.test("Client.connect() says which versions meet where the server speaks another one", async () => {
  for (const v of [1, 2]) {
    await using server = new FakeServer(async (peer) => {
      const { id } = await peer.hear();
      const message = "Cannot speak version 1: this server speaks 2";
      const error = { code: "unsupported_version", message, retry: "no", maybe_done: false };
      await peer.say({ v, id, ok: false, error });
      await peer.line();
    });
    const { message } = await rejection(connect(server.address));
    assert(/version 1.* 2|version 2.* 1/.test(message), message);
  }
});

Deno.test("Client holds to the usual limit where a server tells none", async () => {
  await using server = new FakeServer((peer) =>
    acceptLogin(peer, { more: { limits: { depth: 20 } } })
  );
  using client = await connect(server.address);
  assertEquals(client.welcome?.limits, { ...LIMITS, depth: 20 });
});
