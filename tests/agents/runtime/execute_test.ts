import { assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { defineAgent, op } from "../../../agents/define.ts";
import type { MemoryReader } from "../../../agents/runtime/draft.ts";
import { executeInThread, type Outcome } from "../../../agents/runtime/execute.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Json } from "../../../lib/json.ts";

const memory: MemoryReader = { get: () => undefined, keys: () => [] };
const never = new AbortController().signal;

const agent = defineAgent("tester", {
  work: op({
    input: z.strictObject({ fail: z.boolean().default(false) }),
    output: z.unknown(),
    handle({ fail }, { task, note, memory }) {
      if (fail) throw new RangeError("too bad");
      memory.set("task", task);
      note(1);
      note(2);
      return { task };
    },
    recall: (_, note) => ({ note }),
  }),
  text: op({ input: z.unknown(), output: z.string(), handle: () => "no object" }),
});

function run(op: string, body = {}, signal = never, note?: Json): Promise<Outcome> {
  return executeInThread(agent)({ op, id: "t7.merge.3", body, note }, memory, signal);
}

Deno.test("executeInThread() returns output, last note and changes; the task is the id up to its first dot", async () => {
  assertEquals(await run("work"), {
    output: { task: "t7" },
    note: 2,
    changes: [["task", "t7"]],
  });
});

Deno.test("executeInThread() recalls from a note", async () => {
  assertEquals((await run("work", {}, never, { offset: 1 })).output, { note: { offset: 1 } });
});

Deno.test("executeInThread() tells a handler's error from an error after the abort", async () => {
  const error = await assertRejects(() => run("work", { fail: true }), CodedError, "Cannot work");
  assertEquals([error.code, error.cause instanceof RangeError], ["handler_failed", true]);
  await assertRejects(() => run("work", { fail: true }, AbortSignal.abort()), RangeError);
});

Deno.test("executeInThread() checks input and output against their schemas", async () => {
  const codes = [run("work", { fail: "x" }), run("text")].map(async (execution) =>
    (await assertRejects(() => execution, CodedError)).code
  );
  assertEquals(await Promise.all(codes), ["invalid_input", "bad_output"]);
});
