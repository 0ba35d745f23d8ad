/**
 * The thread's side of an isolate: runs handlers on request and asks the main thread for the memory
 * that they read.
 *
 * @module
 */
import { isMainThread, parentPort } from "node:worker_threads";
import { CodedError } from "../../lib/errors.ts";
import type { Json } from "../../lib/json.ts";
import { toWire, type WireError } from "../../lib/wire/protocol.ts";
import type { Agent } from "../define.ts";
import type { MemoryReader } from "./draft.ts";
import { executeInThread, type Outcome, type Work } from "./execute.ts";

/** From the isolate to its thread; an answer has its question's number. */
export type ToThread =
  | { readonly kind: "run"; readonly work: Work }
  | { readonly kind: "abort" }
  | { readonly kind: "answer"; readonly question: number; readonly value: Json | undefined };

/** From the thread to its isolate; `get` and `keys` are questions about the memory. */
export type FromThread =
  /** The module is loaded. Work that is sent earlier could not be taken back. */
  | { readonly kind: "ready" }
  | { readonly kind: "get" | "keys"; readonly question: number; readonly key: string }
  /** The abort has arrived: this thread is not stuck, whatever its handler does. */
  | { readonly kind: "aborting" }
  | { readonly kind: "done"; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly error: WireError; readonly stack: string };

/** Whether this is a thread that an isolate has started. */
export const inThread = !isMainThread;

/** Runs an agent's handlers for the isolate that has started this thread, one at a time. */
export function serveIsolate(agent: Agent): void {
  const execute = executeInThread(agent);
  const pending = new Map<number, (value: Json | undefined) => void>();
  let questions = 0;
  let aborter = new AbortController();
  const ask = (kind: "get" | "keys", key: string): Promise<Json | undefined> => {
    const { promise, resolve } = Promise.withResolvers<Json | undefined>();
    pending.set(++questions, resolve);
    post({ kind, question: questions, key });
    return promise;
  };
  const memory: MemoryReader = {
    get: (key) => ask("get", key),
    keys: async (prefix) => await ask("keys", prefix) as string[],
  };
  parentPort!.on("message", async (message: ToThread) => {
    switch (message.kind) {
      case "answer":
        pending.get(message.question)?.(message.value);
        pending.delete(message.question);
        return;
      case "abort":
        post({ kind: "aborting" });
        aborter.abort(new CodedError("cancelled", "Stopped"));
        return;
      case "run":
        aborter = new AbortController();
        try {
          post({ kind: "done", outcome: await execute(message.work, memory, aborter.signal) });
        } catch (error) {
          const { stack } = (error as Error).cause instanceof Error
            ? (error as { cause: Error }).cause
            : error as Error;
          post({ kind: "failed", error: toWire(error, String), stack: String(stack) });
        }
    }
  });
  post({ kind: "ready" });
}

function post(message: FromThread): void {
  parentPort!.postMessage(message);
}
