import { assert, assertEquals } from "@std/assert";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { FromThread, ToThread } from "../../../agents/runtime/thread.ts";
import { within } from "../../harness/waiting.ts";

/** A thread of the wild agent. The test plays its isolate. */
class Thread implements AsyncDisposable {
  // deno-lint-ignore baton/fixed-code -- the thread is what is tested
  readonly #worker = new Worker(new URL("../../harness/wild_main.ts", import.meta.url));

  async next(): Promise<FromThread> {
    const [message] = await within(once(this.#worker, "message"), "a message of the thread");
    return message;
  }

  send(message: ToThread): Promise<FromThread> {
    const answer = this.next();
    this.#worker.postMessage(message);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

const work = (op: string) => ({ op, id: "t1.wild", body: {} });

Deno.test("serveIsolate() says that it is ready, asks for memory, and answers with the outcome", async () => {
  await using thread = new Thread();
  assertEquals(await thread.next(), { kind: "ready" });
  assertEquals(await thread.send({ kind: "run", work: work("count") }), {
    kind: "get",
    question: 1,
    key: "count",
  });
  assertEquals(await thread.send({ kind: "answer", question: 1, value: 41 }), {
    kind: "keys",
    question: 2,
    key: "",
  });
  assertEquals(await thread.send({ kind: "answer", question: 2, value: ["count"] }), {
    kind: "done",
    outcome: { output: { count: 42, keys: ["count"] }, note: null, changes: [["count", 42]] },
  });
});

Deno.test("serveIsolate() reports a handler's error with its stack, and answers an abort", async () => {
  await using thread = new Thread();
  await thread.next();
  const failed = await thread.send({ kind: "run", work: work("fail") });
  assert(failed.kind === "failed");
  assertEquals([failed.error.code, failed.stack.includes("wild_main.ts")], [
    "handler_failed",
    true,
  ]);
  assertEquals(await thread.send({ kind: "abort" }), { kind: "aborting" });
});
