/**
 * The other side of an isolate: runs handlers when it is told to, and asks for what they read.
 *
 * @module
 */
import { isMainThread, parentPort } from "node:worker_threads";
import { CodedError } from "../../lib/errors.ts";
import type { Json } from "../../lib/json.ts";
import { toWire, type WireError } from "../../lib/wire/protocol.ts";
import type { Agent } from "../define.ts";
import type { Reader } from "./draft.ts";
import { executeInThread, type Outcome, type Work } from "./execute.ts";

/** What crosses between the two; questions have a number. */
export type ToThread =
  | { readonly kind: "run"; readonly work: Work }
  | { readonly kind: "abort" }
  | { readonly kind: "told"; readonly question: number; readonly value: Json | undefined };
export type FromThread =
  | { readonly kind: "get" | "keys"; readonly question: number; readonly key: string }
  /** The abort has come: this thread is not stuck, whatever its handler does. */
  | { readonly kind: "aborting" }
  | { readonly kind: "done"; readonly done: Outcome }
  | { readonly kind: "failed"; readonly error: WireError; readonly stack: string };

/** Whether this is a thread that an isolate has started. */
export const inThread = !isMainThread;

/** Runs an agent's handlers for the isolate that has started this thread, one at a time. */
export function serveIsolate(agent: Agent): void {
  const execute = executeInThread(agent);
  const asked = new Map<number, (value: Json | undefined) => void>();
  let questions = 0;
  let aborter = new AbortController();
  const ask = (kind: "get" | "keys", key: string): Promise<Json | undefined> => {
    const { promise, resolve } = Promise.withResolvers<Json | undefined>();
    asked.set(++questions, resolve);
    tell({ kind, question: questions, key });
    return promise;
  };
  const memory: Reader = {
    get: (key) => ask("get", key),
    keys: async (prefix) => await ask("keys", prefix) as string[],
  };
  parentPort!.on("message", async (message: ToThread) => {
    switch (message.kind) {
      case "told":
        asked.get(message.question)?.(message.value);
        asked.delete(message.question);
        return;
      case "abort":
        tell({ kind: "aborting" });
        aborter.abort(new CodedError("cancelled", "Stopped"));
        return;
      case "run":
        aborter = new AbortController();
        try {
          tell({ kind: "done", done: await execute(message.work, memory, aborter.signal) });
        } catch (error) {
          const { stack } = (error as Error).cause instanceof Error
            ? (error as { cause: Error }).cause
            : error as Error;
          tell({ kind: "failed", error: toWire(error, String), stack: String(stack) });
        }
    }
  });
}

function tell(message: FromThread): void {
  parentPort!.postMessage(message);
}
