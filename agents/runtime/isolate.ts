/**
 * Runs handlers in a thread of their own, so that a deadline ends the work whatever it does. What
 * must hold:
 *  1. Work that is aborted ends by itself within a moment, or is left behind with its thread.
 *  2. Work that takes more memory than a thread may have does not take the process with it. Deno tells
 *     nobody that such a thread stands still, so it is waited for until the abort, as for a loop.
 *  3. The next work finds a thread that answers.
 *  4. Besides the one that works only one is left behind of which it is not known whether it comes to
 *     itself: work that is given up must not take more of the machine than work that is waited for.
 *
 * A thread that waits is gone when it is ended. One that never comes back from a loop is not: Deno
 * can't stop it (denoland/deno#35657), it goes on using a core until the process ends. So those are
 * counted that say nothing for a while, and whoever runs this process ends it when they are too many.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { CodedError } from "../../lib/errors.ts";
import { fromWire } from "../../lib/wire/protocol.ts";
import type { Reader } from "./draft.ts";
import type { Outcome, Work } from "./execute.ts";
import type { FromThread, ToThread } from "./thread.ts";

/** After an abort a handler may end by itself within this time, and each time again by rule 4. */
const GRACE_MS = 200;
/**
 * A thread that is left behind and comes to itself within this time was only slow: a page takes a
 * second of a core, and may have to share it.
 */
const STUCK_MS = 5_000;
/** What a thread may have, in MiB. */
const HEAP_MIB = 256;

interface Run {
  /** Its thread has answered since the abort: it can be ended. */
  answered: boolean;
  readonly work: Work;
  readonly memory: Reader;
  readonly resolve: (done: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export class Isolate implements Disposable {
  readonly #module: string;
  readonly #onStuck: (stuck: number) => void;
  /** Where one has ended by itself: none, until there is work for the next one. */
  #thread: Worker | undefined;
  #run: Run | undefined;
  /** Threads that are left behind and may come to themselves, and what stops the waiting for that. */
  readonly #abandoned = new Map<Worker, () => void>();
  #stuck = 0;

  /**
   * @param module the program's own main module: in a thread it runs handlers in place of serving
   * @param onStuck is told how many threads were left behind so far, after each
   */
  constructor(module: string, onStuck: (stuck: number) => void) {
    this.#module = module;
    this.#onStuck = onStuck;
    this.#thread = this.#start();
  }

  /** See `Execute`; the caller waits for its end before it comes with other work. */
  async execute(work: Work, memory: Reader, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    if (this.#run !== undefined) throw new TypeError("An isolate runs one handler at a time");
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.#run = { answered: false, work, memory, resolve, reject };
    const thread = this.#thread ??= this.#start();
    post(thread, { kind: "run", work });
    let timer: ReturnType<typeof setInterval> | undefined;
    const abort = (): void => {
      post(thread, { kind: "abort" });
      timer = setInterval(() => this.#abandon(thread), GRACE_MS);
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
      this.#run = undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#thread?.terminate();
    for (const [thread, stop] of this.#abandoned) {
      stop();
      thread.terminate();
    }
  }

  #start(): Worker {
    // deno-lint-ignore baton/fixed-code -- its own main module, which is compiled in
    const thread = new Worker(new URL(this.#module), {
      env: {}, // none of its own: all of ours would ask for all of the environment
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    thread.on("message", (message: FromThread) => this.#take(thread, message));
    thread.on("error", (error: Error) => this.#lost(thread, error.message));
    thread.on("exit", () => this.#lost(thread, "its thread has ended"));
    return thread;
  }

  async #take(thread: Worker, message: FromThread): Promise<void> {
    const run = this.#run;
    if (run === undefined || thread !== this.#thread) return;
    switch (message.kind) {
      case "aborting":
        run.answered = true;
        return;
      case "done":
        return run.resolve(message.done);
      case "failed": {
        const error = fromWire(message.error);
        error.cause = Object.assign(new Error(message.error.message), { stack: message.stack });
        return run.reject(error);
      }
      case "get":
      case "keys": {
        const { question, key } = message;
        const value = await run.memory[message.kind](key);
        return post(thread, { kind: "told", question, value });
      }
    }
  }

  /** The thread has ended by itself, and its work with it. */
  #lost(thread: Worker, why: string): void {
    if (thread !== this.#thread) return;
    this.#thread = undefined; // one that can't even start must not be started without end
    const op = this.#run?.work.op;
    this.#run?.reject(new CodedError("handler_failed", `Cannot finish ${op}: ${why}`));
  }

  /** The handler does not end: its thread is ended, or left behind where rule 4 lets it. */
  #abandon(thread: Worker): void {
    const run = this.#run;
    if (thread !== this.#thread || run === undefined) return;
    if (!run.answered && this.#abandoned.size > 0) return;
    this.#thread = this.#start();
    if (run.answered) thread.terminate();
    else this.#watch(thread);
    run.reject(new CodedError("deadline_exceeded", `Cannot wait longer for ${run.work.op}`));
  }

  /** Ends a thread that is left behind, when it comes to itself or is taken for stuck. */
  #watch(thread: Worker): void {
    const end = (): void => {
      stop();
      this.#abandoned.delete(thread);
      thread.terminate();
    };
    const timer = setTimeout(() => {
      end();
      this.#onStuck(++this.#stuck);
    }, STUCK_MS);
    const stop = (): void => clearTimeout(timer);
    this.#abandoned.set(thread, stop);
    // Any word from it will do; what it says is not wanted any more.
    for (const word of ["message", "error", "exit"] as const) thread.on(word, end);
  }
}

function post(thread: Worker, message: ToThread): void {
  thread.postMessage(message);
}
