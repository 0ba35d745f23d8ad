import { assert, assertEquals } from "@std/assert";
import { LIMITS } from "../../../lib/wire/limits.ts";
import { acceptLogin, FakeServer } from "../../harness/fake_server.ts";
import type { Message } from "../../harness/raw_peer.ts";
import { OTHER_SECRET } from "../../harness/secrets.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { connect, ok, rejection } from "./client_harness.ts";

Deno.test("login() rejects a server of another role", async () => {
  await using server = await serve({ role: "reporter" });
  const error = await rejection(connect(server.address));
  assertEquals(error.code, "auth_failed");
  assert(error.message.includes('it is "reporter", not "echo"'), error.message);
});

Deno.test("login() rejects a server with another secret and proves nothing to it", async () => {
  const received: string[] = [];
  await using server = new FakeServer(async (peer) => {
    const script = acceptLogin(peer, { secret: OTHER_SECRET });
    await script.then(() => received.push("a proof"), () => received.push("the end"));
  });
  const error = await rejection(connect(server.address));
  assertEquals(error.code, "auth_failed");
  await until(() => received.length > 0, "the server has read on");
  assertEquals(received, ["the end"]);
  await using honest = await serve({ secret: OTHER_SECRET });
  assertEquals((await rejection(connect(honest.address))).code, "auth_failed");
});

Deno.test("login() sends no proof to a server that has none", async () => {
  const received: string[] = [];
  await using server = new FakeServer(async (peer) => {
    const hello = await peer.hear();
    await peer.say(ok(hello.id, {
      role: "echo",
      name: "echo-1",
      version: "1.0.0",
      protocols: [1],
      nonce: hello.body.nonce,
      proof: hello.body.nonce,
      limits: (await realWelcome()).limits,
    }));
    received.push(await peer.line() ?? "the end");
  });
  assertEquals((await rejection(connect(server.address))).code, "auth_failed");
  await until(() => received.length > 0, "the server has read on");
  assertEquals(received, ["the end"]);
});

/** Returns what a real server says about itself. */
async function realWelcome(): Promise<Message> {
  await using server = await serve();
  using client = await connect(server.address);
  return client.welcome;
}

Deno.test("login() rejects a server whose reply to hello it can't read", async () => {
  await using server = new FakeServer(async (peer) => {
    await peer.say(ok((await peer.hear()).id, { role: "echo" }));
  });
  const error = await rejection(connect(server.address));
  assertEquals(error.code, "auth_failed");
  assert(error.message.includes("does not speak baton/1"), error.message);
});

Deno.test("login() does not read a longer line than a hello needs", async () => {
  await using server = new FakeServer(async (peer) => {
    const { id } = await peer.hear();
    await peer.say(ok(id, { protocols: Array(30_000).fill("") }));
  });
  const { message } = await rejection(connect(server.address));
  assert(message.includes("more than 65536 bytes"), message);
});

Deno.test("login() names both versions if the server speaks another one", async () => {
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

Deno.test("login() takes the default for a limit that the server does not state", async () => {
  await using server = new FakeServer((peer) =>
    acceptLogin(peer, { more: { limits: { depth: 20 } } })
  );
  using client = await connect(server.address);
  assertEquals(client.welcome?.limits, { ...LIMITS, depth: 20 });
});
