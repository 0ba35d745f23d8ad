import { assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { defineAgent, op } from "../../../agents/define.ts";
import { AgentService } from "../../../agents/runtime/service.ts";
import type { Memory } from "../../../lib/disk/memory.ts";
import { CodedError } from "../../../lib/errors.ts";
import { importSecret } from "../../../lib/wire/auth.ts";
import { connect, HOST } from "../../harness/agent_process.ts";
import { executeHere } from "../../harness/execute_here.ts";
import { Gate } from "../../harness/gate.ts";
import { quiet } from "../../harness/recorded_log.ts";
import { SECRET } from "../../harness/secrets.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { openMemory } from "../../lib/disk/memories.ts";

const TIMEOUT = { timeoutMs: 60_000 };

async function serve(memory: Memory, gate = new Gate()): Promise<AgentService> {
  const nothing = z.strictObject({});
  const agent = defineAgent("tester", {
    work: op({
      input: nothing,
      output: nothing,
      handle: async () => {
        await gate.pass();
        return {};
      },
    }),
  });
  return new AgentService({
    agent,
    host: HOST,
    port: 0,
    name: "tester-1",
    secret: await importSecret(SECRET),
    memory,
    execute: executeHere(agent),
    log: quiet,
  });
}

Deno.test("AgentService reports health, and adds the server's figures to the agent's stats", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await using service = await serve(memory);
  using client = await connect(service.address.port, { role: "tester" });
  const { uptime_ms, version, ...health } = await client.call("health", {}, TIMEOUT);
  assertEquals(health, {
    status: "ok",
    role: "tester",
    name: "tester-1",
    storage: "ok",
    in_flight: 0,
  });
  assertEquals([typeof uptime_ms, typeof version], ["number", "string"]);
  const { done, connections } = await client.call("stats", {}, TIMEOUT);
  assertEquals([done, (connections as { open: number }).open], [0, 1]);
  Object.defineProperty(memory, "full", { get: () => true });
  const { status, storage } = await client.call("health", {}, TIMEOUT);
  assertEquals([status, storage], ["full", "full"]);
});

Deno.test("AgentService.drain() answers the requests in flight and refuses new ones", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const gate = new Gate();
  await using service = await serve(memory, gate);
  using client = await connect(service.address.port, { role: "tester" });
  const work = client.call("work", {}, TIMEOUT);
  await gate.reached;
  const drained = service.drain();
  assertEquals((await client.call("health", {}, TIMEOUT)).status, "draining");
  const { code } = await assertRejects(() => client.call("work", {}, TIMEOUT), CodedError);
  assertEquals([code, service.inFlight], ["draining", 1]);
  gate.open();
  assertEquals(await work, {});
  await drained;
});
