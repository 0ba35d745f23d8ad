import { assert, assertEquals, assertRejects } from "@std/assert";
import type { MemoryReader } from "../../../agents/runtime/draft.ts";
import type { Outcome } from "../../../agents/runtime/execute.ts";
import { Isolate } from "../../../agents/runtime/isolate.ts";
import { CodedError } from "../../../lib/errors.ts";
import { EXIT } from "../../../lib/exit.ts";
import type { Json, JsonObject } from "../../../lib/json.ts";
import { sleep } from "../../../lib/retry.ts";
import { SYSTEM } from "../../../lib/system.ts";
import { AgentProcess, connect } from "../../harness/agent_process.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { PATIENCE_MS, until, within } from "../../harness/waiting.ts";

const MODULE = new URL("../../harness/wild_main.ts", import.meta.url).href;
const never = new AbortController().signal;
const aborted = () => new CodedError("deadline_exceeded", "late");

/** An isolate of the wild agent. An abandoned thread counts as stuck only when the test says so. */
class Wild implements AsyncDisposable {
  readonly values = new Map<string, Json>();
  /** Numbers that `onStuck` was called with. */
  readonly stuck: number[] = [];
  /** How often the isolate has looked whether aborted work has ended. */
  looks = 0;
  readonly #folder: TempFolder;
  readonly #waiting = new Set<() => void>();
  readonly #isolate = new Isolate(MODULE, (stuck) => this.stuck.push(stuck), {
    ...SYSTEM.clock,
    every: (ms, callback) =>
      SYSTEM.clock.every(ms, () => {
        this.looks++;
        callback();
      }),
    after: (_ms, callback) => {
      this.#waiting.add(callback);
      return () => this.#waiting.delete(callback);
    },
  });
  readonly #memory: MemoryReader = {
    get: (key) => this.values.get(key),
    keys: () => [...this.values.keys()],
  };

  private constructor(folder: TempFolder) {
    this.#folder = folder;
  }

  static async start(): Promise<Wild> {
    return new Wild(await TempFolder.make());
  }

  /** Threads whose fate is unknown. */
  get abandoned(): number {
    return this.#waiting.size;
  }

  /** The time is over after which they count as stuck. */
  giveUpAbandoned(): void {
    for (const callback of this.#waiting) callback();
  }

  run(op: string, signal = never, body: JsonObject = {}): Promise<Outcome> {
    const work = { op, id: "t1.wild", body };
    return within(this.#isolate.execute(work, this.#memory, signal), op);
  }

  /** Blocks the thread until `release()` is called with the same name, or this is disposed of. */
  async plod(name: string, signal: AbortSignal): Promise<Outcome> {
    const path = `${this.#folder.path}/${name}`;
    Deno.writeTextFileSync(path, "");
    return await this.run("plod", signal, { while: path });
  }

  async release(name: string): Promise<void> {
    await Deno.remove(`${this.#folder.path}/${name}`);
  }

  /** Runs a handler that blocks its thread, and aborts it. */
  async abandon(name: string): Promise<void> {
    await this.run("count"); // the thread is ready, so the handler begins before the abort
    const aborter = new AbortController();
    const plod = this.plod(name, aborter.signal);
    aborter.abort(aborted());
    await assertRejects(() => plod, CodedError, "late");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isolate[Symbol.dispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

Deno.test("Isolate.execute() reads and changes as a handler of this thread does", async () => {
  await using wild = await Wild.start();
  wild.values.set("count", 41).set("other", 1);
  const expected = { output: { count: 42, keys: ["count", "other"] }, note: null };
  assertEquals(await wild.run("count"), { ...expected, changes: [["count", 42]] });
  assertEquals(wild.values.get("count"), 41);
});

Deno.test("Isolate.execute() rejects with a handler's error and its stack", async () => {
  await using wild = await Wild.start();
  const error = await assertRejects(() => wild.run("fail"), CodedError, "too bad");
  assertEquals(error.code, "handler_failed");
  const { stack } = error.cause as Error;
  assert(stack?.includes("wild_main.ts"), stack);
});

Deno.test("Isolate.execute() runs nothing that is aborted already, and nothing beside other work", async () => {
  await using wild = await Wild.start();
  await assertRejects(() => wild.run("spin", AbortSignal.abort(aborted())), CodedError, "late");
  const first = wild.run("count");
  await assertRejects(() => wild.run("count"), TypeError);
  assertEquals((await first).output.count, 1);
});

Deno.test("Isolate.execute() ends a handler that waits for ever, also beside an abandoned thread", async () => {
  await using wild = await Wild.start();
  const hang = async (): Promise<void> => {
    await wild.run("count"); // the thread is ready, so the handler begins before the abort
    const aborter = new AbortController();
    const hanging = wild.run("hang", aborter.signal);
    aborter.abort(aborted());
    await assertRejects(() => hanging, CodedError, "late");
  };
  await hang();
  await hang();
  await until(() => wild.abandoned === 0, "the thread has answered its abort");
  await wild.abandon("plod");
  await hang();
  assertEquals(wild.abandoned, 1, "the handler that blocks its thread still does");
  assertEquals((await wild.run("count")).output.count, 1);
  await wild.release("plod");
});

Deno.test("Isolate.execute() rejects at an abort before its thread is ready, and keeps the thread", async () => {
  await using wild = await Wild.start();
  const aborter = new AbortController();
  const first = wild.plod("never", aborter.signal);
  aborter.abort(aborted());
  await assertRejects(() => first, CodedError, "late");
  assertEquals((await wild.run("count")).output.count, 1);
  assertEquals([wild.looks, wild.abandoned], [0, 0]);
});

for (const op of ["crash", "leave"]) {
  Deno.test(`Isolate.execute() survives "${op}", and goes on`, async () => {
    await using wild = await Wild.start();
    const error = await assertRejects(() => wild.run(op), CodedError);
    assertEquals(error.code, "handler_failed");
    assertEquals((await wild.run("count")).output.count, 1);
    assertEquals(wild.abandoned, 0);
  });
}

Deno.test("Isolate.execute() abandons no second thread while the first goes on", async () => {
  await using wild = await Wild.start();
  await wild.abandon("first");
  let isSecondEnded = false;
  const second = wild.abandon("second").then(() => isSecondEnded = true);
  const looks = wild.looks;
  await until(() => wild.looks > looks + 2, "the second is looked at");
  assertEquals([wild.abandoned, isSecondEnded], [1, false]);
  await wild.release("first");
  await second;
  await wild.release("second");
  await until(() => wild.abandoned === 0, "both have ended");
  assertEquals(wild.stuck, []);
});

Deno.test("Isolate counts an abandoned thread as stuck if it sends nothing", async () => {
  await using wild = await Wild.start();
  for (const [at, name] of ["first", "second"].entries()) {
    await wild.abandon(name);
    assertEquals([wild.abandoned, wild.stuck.length], [1, at]);
    wild.giveUpAbandoned();
    assertEquals([wild.abandoned, wild.stuck.at(-1)], [0, at + 1]);
  }
  for (const name of ["first", "second"]) await wild.release(name);
});

// In a process of its own: a loop without end goes on until its process ends.
Deno.test("run() goes on beside a loop without end and a handler that takes all memory", async () => {
  await using folder = await TempFolder.make();
  await using program = new AgentProcess(folder.path, ["--port", "0"], undefined, { name: "wild" });
  using client = await connect(await program.serving(), { role: "wild" });
  const ask = (type: string, timeoutMs = PATIENCE_MS) => client.call(type, {}, { timeoutMs });
  const late = async (type: string, ms: number): Promise<void> => {
    const { code } = await assertRejects(() => ask(type, ms), CodedError);
    assertEquals(code, "deadline_exceeded");
  };
  assertEquals(await ask("count"), { count: 1, keys: ["count"] });
  await late("eat", 500);
  // A thread that may take no more stands still.
  for (let before = 0, peak; (peak = await program.peakMib()) > before; before = peak) {
    assert(peak < 1_000, `a thread may have 256 MiB, and the process has ${peak}`);
    await sleep(100);
  }
  assertEquals(await ask("count"), { count: 2, keys: ["count"] });
  // The second stuck thread is one too many: the process ends, to be started anew.
  await late("spin", 100);
  assertEquals((await program.ended()).code, EXIT.stuck);
});
