import { assertEquals, assertRejects } from "@std/assert";
import { Runtime } from "../../agents/runtime/runtime.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import { CodedError } from "../../lib/errors.ts";
import { Server } from "../../lib/server/server.ts";
import { openMemory } from "../lib/disk/memories.ts";
import { connect, HOST } from "../harness/agent_process.ts";
import { SECRET } from "../harness/secrets.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { executeHere } from "../harness/execute_here.ts";
import { greeter } from "../harness/greeter.ts";

const log = (): void => {};

Deno.test("defineAgent() defines an agent that a runtime serves over a real connection", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path, { role: "greeter" });
  const runtime = new Runtime({ agent: greeter, memory, log, execute: executeHere(greeter) });
  await using server = new Server({
    hostname: HOST,
    port: 0,
    log,
    service: {
      role: greeter.name,
      name: "greeter-1",
      version: "1.0.0",
      secret: await importSecret(SECRET),
      health: () => ({ status: "ok" }),
      answer: (request) => runtime.answer(request),
      onInternal: (_reference, error) => {
        throw error;
      },
    },
  });
  using client = await connect(server.address.port);
  const greet = (name: string, id: string) =>
    client.call("greet", { name }, { id, timeoutMs: 60_000 });
  assertEquals(await greet("Ada", "t1.greet"), { text: "Hello Ada, for the 1. time" });
  assertEquals(await greet("Ada", "t2.greet"), { text: "Hello Ada, for the 2. time" });
  assertEquals(await greet("Ada", "t1.greet"), { text: "Hello Ada, for the 1. time" });
  const error = await assertRejects(() => greet("Bob", "t1.greet"), CodedError);
  assertEquals(error.code, "conflict");
  const names = Array.from({ length: 20 }, (_, at) => `t3.${at}`);
  const replies = await Promise.all(names.map((id) => greet("Eve", id)));
  const texts = new Set(replies.map(({ text }) => text));
  assertEquals(texts, new Set(names.map((_, at) => `Hello Eve, for the ${at + 1}. time`)));
  const info = await client.call("info", {}, { timeoutMs: 60_000 });
  assertEquals(info.agent, "greeter");
});
