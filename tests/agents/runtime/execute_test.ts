import { assertEquals } from "@std/assert";
import { z } from "zod";
import { defineAgent, op } from "../../../agents/define.ts";
import type { MemoryReader } from "../../../agents/runtime/draft.ts";
import { executeInThread } from "../../../agents/runtime/execute.ts";

Deno.test("executeInThread() knows a task by the request's id up to its first dot", async () => {
  const agent = defineAgent("teller", {
    tell: op({
      input: z.unknown(),
      output: z.unknown(),
      handle: (_, { task }) => ({ task }),
    }),
  });
  const memory: MemoryReader = { get: () => undefined, keys: () => [] };
  const work = { op: "tell", id: "t7.merge.3", body: {} };
  const { output } = await executeInThread(agent)(work, memory, new AbortController().signal);
  assertEquals(output, { task: "t7" });
});
