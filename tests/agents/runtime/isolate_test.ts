import { assert, assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { defineAgent, op } from "../../../agents/define.ts";
import type { Reader } from "../../../agents/runtime/draft.ts";
import { executeInThread, type Outcome } from "../../../agents/runtime/execute.ts";
import { Isolate } from "../../../agents/runtime/isolate.ts";
import { CodedError } from "../../../lib/errors.ts";
import { EXIT } from "../../../lib/exit.ts";
import type { Json, JsonObject } from "../../../lib/json.ts";
import { AgentProcess, connect } from "../../harness/agent_process.ts";
import { SECRET } from "../../harness/secrets.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { PATIENCE_MS } from "../../harness/waiting.ts";

const MODULE = new URL("../../harness/wild_main.ts", import.meta.url).href;
/** Longer than it takes to give up two, and to begin one. */
const PLOD_MS = 2_500;
/** Long enough for whatever ends by itself, short enough for a test. */
const SOON_MS = 300;

/** An isolate of the wild agent, and how many threads it has left behind. */
class Wild implements Disposable {
  readonly values = new Map<string, Json>();
  stuck = 0;
  readonly #isolate = new Isolate(MODULE, (stuck) => this.stuck = stuck);
  readonly #memory: Reader = {
    get: (key) => this.values.get(key),
    keys: () => [...this.values.keys()],
  };

  run(op: string, signal = new AbortController().signal, body: JsonObject = {}): Promise<Outcome> {
    return this.#isolate.execute({ op, id: "t1.wild", body }, this.#memory, signal);
  }

  [Symbol.dispose](): void {
    this.#isolate[Symbol.dispose]();
  }
}

Deno.test("Isolate.execute() reads and changes as a handler of this thread does", async () => {
  using wild = new Wild();
  wild.values.set("count", 41).set("other", 1);
  const expected = { output: { count: 42, keys: ["count", "other"] }, note: null };
  assertEquals(await wild.run("count"), { ...expected, changes: [["count", 42]] });
  assertEquals(wild.values.get("count"), 41);
});

Deno.test("Isolate.execute() hands on a handler's error with its stack", async () => {
  using wild = new Wild();
  const error = await assertRejects(() => wild.run("fail"), CodedError, "too bad");
  assertEquals(error.code, "handler_failed");
  const { stack } = error.cause as Error;
  assert(stack?.includes("wild_main.ts"), stack);
});

Deno.test("Isolate.execute() ends a handler that waits for ever, and goes on", async () => {
  using wild = new Wild();
  const hang = async (): Promise<void> => {
    await wild.run("count"); // the thread is up: what follows is the handler's time alone
    const aborter = new AbortController();
    const timer = setTimeout(
      () => aborter.abort(new CodedError("deadline_exceeded", "late")),
      SOON_MS,
    );
    const begun = performance.now();
    const error = await assertRejects(() => wild.run("hang", aborter.signal), CodedError);
    clearTimeout(timer);
    const ms = performance.now() - begun;
    assertEquals(error.code, "deadline_exceeded");
    assert(ms < SOON_MS + 1_000, `${ms} ms`);
  };
  await hang();
  await hang();
  await Promise.allSettled([wild.run("plod", AbortSignal.timeout(100), { ms: 2 * PLOD_MS })]);
  await hang(); // also beside one that is left behind
  assertEquals((await wild.run("count")).output.count, 1);
  assertEquals(wild.stuck, 0);
});

for (const op of ["crash", "leave"]) {
  Deno.test(`Isolate.execute() survives "${op}", and goes on`, async () => {
    using wild = new Wild();
    const error = await assertRejects(() => wild.run(op), CodedError);
    assertEquals(error.code, "handler_failed");
    assertEquals((await wild.run("count")).output.count, 1);
    assertEquals(wild.stuck, 0);
  });
}

Deno.test("Isolate.execute() runs nothing that is aborted already, and nothing beside other work", async () => {
  using wild = new Wild();
  const aborted = AbortSignal.abort(new CodedError("cancelled", "gone"));
  const error = await assertRejects(() => wild.run("spin", aborted), CodedError);
  assertEquals(error.code, "cancelled");
  const first = wild.run("count");
  await assertRejects(() => wild.run("count"), TypeError);
  assertEquals((await first).output.count, 1);
});

Deno.test("Isolate.execute() begins no third work while the first, given up, goes on", async () => {
  using wild = new Wild();
  await wild.run("count"); // the thread is up: what follows is the handler's time alone
  const begun = performance.now();
  for (let n = 0; n < 2; n++) {
    await Promise.allSettled([wild.run("plod", AbortSignal.timeout(100), { ms: PLOD_MS })]);
  }
  const ms = performance.now() - begun;
  assert(ms >= PLOD_MS, `two were given up within ${ms} ms, and both go on`);
});

// In a process of its own: a thread that is left behind goes on until its process ends.
Deno.test("run() goes on beside a loop without end and a handler that takes all memory", async () => {
  await using folder = await TempFolder.make();
  await using program = new AgentProcess(folder.path, ["--port", "0"], { AUTH_TOKEN: SECRET }, {
    name: "wild",
  });
  using client = await connect(await program.serving(), { role: "wild" });
  const ask = async (type: string, timeoutMs: number): Promise<JsonObject | string> => {
    const begun = performance.now();
    try {
      return await client.call(type, {}, { timeoutMs });
    } catch (error) {
      const ms = performance.now() - begun;
      return ms < timeoutMs + 1_000 ? (error as CodedError).code : `too late: ${ms} ms`;
    }
  };
  assertEquals(await ask("count", PATIENCE_MS), { count: 1, keys: ["count"] });
  assertEquals(await ask("eat", 1_500), "deadline_exceeded");
  assertEquals(await ask("count", PATIENCE_MS), { count: 2, keys: ["count"] });
  // The second thread that is left behind is one too many: the process ends to begin anew.
  assertEquals(await ask("spin", 500), "deadline_exceeded");
  assertEquals((await program.ended()).code, EXIT.stuck);
});

// Seen to fail where a thread counts as stuck as soon as it is left behind.
Deno.test("run() does not take a handler for stuck that only ends late", async () => {
  await using folder = await TempFolder.make();
  await using program = new AgentProcess(folder.path, ["--port", "0"], { AUTH_TOKEN: SECRET }, {
    name: "wild",
  });
  using client = await connect(await program.serving(), { role: "wild" });
  for (let n = 0; n < 3; n++) {
    const plod = client.call("plod", {}, { timeoutMs: 100 });
    assertEquals((await assertRejects(() => plod, CodedError)).code, "deadline_exceeded");
  }
  assertEquals(await client.call("count", {}, { timeoutMs: PATIENCE_MS }), {
    count: 1,
    keys: ["count"],
  });
  program.kill("SIGTERM");
  const { code, stderr } = await program.ended();
  assertEquals([code, stderr.includes("handler_stuck")], [EXIT.done, false]);
});

Deno.test("executeHere() knows a task by the request's id up to its first dot", async () => {
  const agent = defineAgent("teller", {
    tell: op({
      input: z.unknown(),
      output: z.unknown(),
      handle: (_, { task }) => ({ task }),
    }),
  });
  const memory: Reader = { get: () => undefined, keys: () => [] };
  const work = { op: "tell", id: "t7.merge.3", body: {} };
  const done = await executeInThread(agent)(work, memory, new AbortController().signal);
  assertEquals(done.output, { task: "t7" });
});
