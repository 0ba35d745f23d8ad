/**
 * Runs handlers in a thread of their own, so that a deadline ends the work whatever the handler does.
 * What must hold:
 *  1. Aborted work ends by itself within `GRACE_MS`, or is given up together with its thread.
 *  2. A handler that takes more memory than its thread may have does not end the process. Deno reports
 *     nothing about such a thread: it stands still, and is treated like a loop without end.
 *  3. The next work finds a thread that answers.
 *  4. At most one abandoned thread of unknown fate exists beside the working one, so abandoned work
 *     never takes more of the machine than live work.
 *  5. Work begins only in a thread that is ready. An abort before that ends the work and keeps the
 *     thread: on a slow machine each short deadline would cost the start of another one.
 *
 * A thread whose handler waits ends when it is terminated. A loop without end can't be stopped
 * (denoland/deno#35657): it uses a core until the process ends. So a thread that has not answered the
 * abort is abandoned: it is terminated at its next message. If there is none within `STUCK_MS`, it
 * counts as stuck, and the process ends when it has too many stuck threads.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { CodedError } from "../../lib/errors.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { fromWire } from "../../lib/wire/protocol.ts";
import type { MemoryReader } from "./draft.ts";
import type { Outcome, Work } from "./execute.ts";
import type { FromThread, ToThread } from "./thread.ts";

/** How long a handler may take to end after an abort. Rule 4 may extend it by the same time. */
const GRACE_MS = 200;
/**
 * An abandoned thread that sends a message within this time was only slow: a page takes a second of
 * a core, and may have to share it.
 */
const STUCK_MS = 5_000;
/** What a thread may have, in MiB. */
const HEAP_MIB = 256;

interface Thread {
  readonly worker: Worker;
  /** Its module is loaded and waits for work. */
  isReady: boolean;
}

/** The work that runs, and how to settle it. */
interface Execution {
  readonly work: Work;
  readonly memory: MemoryReader;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
  /** The thread has answered the abort, so it can be terminated. */
  isAborting: boolean;
}

/** A thread for handlers, which is replaced when it does not answer. */
export class Isolate implements Disposable {
  readonly #module: string;
  readonly #onStuck: (stuck: number) => void;
  readonly #clock: Clock;
  /** Absent after a thread has ended by itself, until the next work. */
  #thread: Thread | undefined;
  #execution: Execution | undefined;
  /** Abandoned threads that may still send a message, each with the cancellation of its timer. */
  readonly #abandoned = new Map<Thread, () => void>();
  #stuck = 0;

  /**
   * Starts a thread.
   *
   * @param module URL of the program's own main module: in a thread it runs handlers in place of
   * serving
   * @param onStuck called with the number of stuck threads so far, after each
   */
  constructor(module: string, onStuck: (stuck: number) => void, clock: Clock = SYSTEM.clock) {
    this.#module = module;
    this.#onStuck = onStuck;
    this.#clock = clock;
    this.#thread = this.#start();
  }

  /**
   * Runs one handler; see `Execute`.
   *
   * @throws {TypeError} if earlier work has not ended
   */
  async execute(work: Work, memory: MemoryReader, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    if (this.#execution !== undefined) throw new TypeError("An isolate runs one handler at a time");
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.#execution = { work, memory, resolve, reject, isAborting: false };
    const thread = this.#thread ??= this.#start();
    if (thread.isReady) post(thread, { kind: "run", work });
    let stopWaiting: (() => void) | undefined;
    const abort = (): void => {
      if (!thread.isReady) return reject(signal.reason);
      post(thread, { kind: "abort" });
      stopWaiting = this.#clock.every(GRACE_MS, () => this.#giveUp(thread));
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      stopWaiting?.();
      signal.removeEventListener("abort", abort);
      this.#execution = undefined;
    }
  }

  /** Terminates the threads. One that is stuck in a loop ends with the process. */
  [Symbol.dispose](): void {
    this.#thread?.worker.terminate();
    for (const [{ worker }, stopWaiting] of this.#abandoned) {
      stopWaiting();
      worker.terminate();
    }
  }

  #start(): Thread {
    // deno-lint-ignore baton/fixed-code -- its own main module, which is compiled in
    const worker = new Worker(new URL(this.#module), {
      env: {}, // to copy the process's environment would need the permission to read all of it
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    const thread = { worker, isReady: false };
    worker.on("message", (message: FromThread) => this.#receive(thread, message));
    worker.on("error", (error: Error) => this.#replaceLater(thread, error.message));
    worker.on("exit", () => this.#replaceLater(thread, "its thread has ended"));
    return thread;
  }

  async #receive(thread: Thread, message: FromThread): Promise<void> {
    if (thread !== this.#thread) return;
    if (message.kind === "ready") thread.isReady = true;
    const execution = this.#execution;
    if (execution === undefined) return;
    switch (message.kind) {
      case "ready":
        return post(thread, { kind: "run", work: execution.work });
      case "aborting":
        execution.isAborting = true;
        return;
      case "done":
        return execution.resolve(message.outcome);
      case "failed": {
        const error = fromWire(message.error);
        error.cause = Object.assign(new Error(message.error.message), { stack: message.stack });
        return execution.reject(error);
      }
      case "get":
      case "keys": {
        const { question, key } = message;
        const value = await execution.memory[message.kind](key);
        return post(thread, { kind: "answer", question, value });
      }
    }
  }

  /** The thread has ended by itself, and its work with it. */
  #replaceLater(thread: Thread, reason: string): void {
    if (thread !== this.#thread) return;
    this.#thread = undefined; // started anew only for work: it may fail at each start
    const op = this.#execution?.work.op;
    this.#execution?.reject(new CodedError("handler_failed", `Cannot finish ${op}: ${reason}`));
  }

  /** Ends work that goes on after its abort, if rule 4 allows, and replaces its thread. */
  #giveUp(thread: Thread): void {
    const execution = this.#execution;
    if (thread !== this.#thread || execution === undefined) return;
    if (!execution.isAborting && this.#abandoned.size > 0) return;
    this.#thread = this.#start();
    if (execution.isAborting) thread.worker.terminate();
    else this.#abandon(thread);
    const { op } = execution.work;
    execution.reject(new CodedError("deadline_exceeded", `Cannot wait longer for ${op}`));
  }

  /** Terminates a thread at its next message, or counts it as stuck. */
  #abandon(thread: Thread): void {
    const { worker } = thread;
    const end = (): void => {
      stopWaiting();
      this.#abandoned.delete(thread);
      worker.terminate();
    };
    const stopWaiting = this.#clock.after(STUCK_MS, () => {
      end();
      this.#onStuck(++this.#stuck);
    });
    this.#abandoned.set(thread, stopWaiting);
    for (const event of ["message", "error", "exit"] as const) worker.on(event, end);
  }
}

function post({ worker }: Thread, message: ToThread): void {
  worker.postMessage(message);
}
