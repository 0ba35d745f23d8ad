/**
 * Answers an agent's requests. Requests enter from the server; replies leave when what they report is
 * on disk. Start reading at `answer()`. What must hold:
 *  1. One handler runs at a time, on a draft of the memory. Its changes and its reply are one commit.
 *  2. A reply leaves after its commit is on disk. The next handler may run meanwhile.
 *  3. A handler runs once for each request id. A repeat of an answered request returns the same
 *     answer, and a repeat of a running one waits for its answer. Another body is a conflict.
 *  4. A request of an earlier generation than the latest of its call is refused: it is late, and its
 *     answer is not wanted any more.
 *  5. A handler that fails, is late or is cancelled leaves no trace in memory.
 *
 * @module
 */
import { z } from "zod";
import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { type Request, validate } from "../../lib/wire/protocol.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { Mutex } from "../../lib/mutex.ts";
import type { Agent, Op } from "../define.ts";
import type { Execute, Outcome } from "./execute.ts";
import { OwnState } from "./own_state.ts";
import { Requests } from "./requests.ts";

/** Requests that run or wait. */
const QUEUE_MAX = 256;
/** Deadline of a request without `timeout_ms`. */
const TIMEOUT_MS_DEFAULT = 60_000;
/** How long a peer waits before it repeats a request that met a full disk. */
const DISK_FULL_RETRY_MS = 1_000;

const CancelBody = z.strictObject({ id: z.string() });

/** A request that runs or waits. */
interface InFlight {
  readonly digest: string;
  readonly answer: Promise<JsonObject>;
  readonly aborter: AbortController;
  /** The commit has begun, so it can't be cancelled any more. */
  isCommitting: boolean;
}

/** The answer, and the promise that its commit is on disk. */
interface PendingReply {
  readonly output: JsonObject;
  readonly durable: Promise<void>;
}

/** What a runtime is made of. */
export interface RuntimeOptions {
  readonly agent: Agent;
  /** The caller closes it. */
  readonly memory: Memory;
  readonly log: Log;
  readonly execute: Execute;
  /** Absence means the system's. */
  readonly clock?: Clock;
  /** What the server adds to `stats`: connections and limits; absence means nothing. */
  readonly serverStats?: () => JsonObject;
}

type Answer = (request: Request) => JsonObject | Promise<JsonObject>;

/** One agent with its memory. */
export class Runtime {
  readonly #agent: Agent;
  readonly #answers: ReadonlyMap<string, Answer>;
  readonly #memory: Memory;
  readonly #log: Log;
  readonly #execute: Execute;
  readonly #clock: Clock;
  readonly #serverStats: () => JsonObject;
  readonly #requests: Requests;
  /** By request id. */
  readonly #inFlight = new Map<string, InFlight>();
  readonly #mutex = new Mutex();
  readonly #counts = { done: 0, failed: 0, repeated: 0 };
  /** Made at the first `info` request: it takes milliseconds. */
  #info: JsonObject | undefined;

  constructor(options: RuntimeOptions) {
    const { agent, memory, log, execute, clock = SYSTEM.clock, serverStats } = options;
    this.#agent = agent;
    this.#memory = memory;
    this.#log = log;
    this.#execute = execute;
    this.#clock = clock;
    this.#serverStats = serverStats ?? (() => ({}));
    this.#requests = new Requests(memory, { clock });
    this.#answers = new Map<string, Answer>([
      ...Object.entries(agent.ops).map(([type, op]): [string, Answer] => [
        type,
        (request) => this.#answerOnce(op, request),
      ]),
      ["info", () => this.#info ??= infoOf(agent)],
      ["stats", () => this.#stats()],
      ["cancel", ({ body }) => this.#cancel(validate(CancelBody, body ?? {}).id)],
    ]);
  }

  /** Requests that run or wait. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /**
   * Answers one request and returns the reply's body.
   *
   * @throws {CodedError} of any code
   */
  async answer(request: Request): Promise<JsonObject> {
    const answer = this.#answers.get(request.type);
    if (answer !== undefined) return await answer(request);
    const { name, ops } = this.#agent;
    const types = Object.keys(ops).join(", ");
    throw new CodedError("unknown_type", `Cannot do "${request.type}": ${name} does ${types}`);
  }

  #stats(): JsonObject {
    return {
      ...this.#counts,
      in_flight: this.inFlight,
      memory_keys: this.#memory.size,
      ...this.#serverStats(),
    };
  }

  /** Answers a request for an op by rules 3 and 4. */
  async #answerOnce(op: Op, request: Request): Promise<JsonObject> {
    const { id, type, body = {} } = request;
    const text = JSON.stringify(body);
    const digest = `${type} ${sha256(text)}`;
    const running = this.#inFlight.get(id);
    const answered = this.#requests.answered(id);
    const earlier = running ?? answered;
    if (earlier !== undefined) {
      if (earlier.digest !== digest) {
        throw new CodedError("conflict", `Cannot take "${id}": it was used for another request`);
      }
      this.#counts.repeated++;
    }
    if (running !== undefined) return await running.answer;
    if (answered?.reply !== undefined) return answered.reply;
    this.#assertWelcome(id, op, answered !== undefined);
    const aborter = new AbortController();
    const answer = this.#answerInTime(request, aborter, (signal) => {
      const isRecall = answered !== undefined;
      if (isRecall || op.pure) return this.#runUncommitted(request, signal, answered?.note);
      return this.#run(op, request, { digest, bytesIn: text.length }, signal);
    });
    this.#inFlight.set(id, { digest, answer, aborter, isCommitting: false });
    try {
      return await answer;
    } finally {
      this.#inFlight.delete(id);
    }
  }

  /** Throws if a request that has to run may not. */
  #assertWelcome(id: string, op: Op, isRecall: boolean): void {
    if (this.#requests.isSuperseded(id)) {
      const message = `Cannot take "${id}": a later generation of its call has begun`;
      throw new CodedError("conflict", message);
    }
    if (this.inFlight >= QUEUE_MAX) {
      throw new CodedError("busy", `Cannot take another request: ${QUEUE_MAX} wait already`);
    }
    if (this.#memory.full && !isRecall && !op.pure) {
      throw new CodedError("storage_full", "Cannot take new work: the disk is full", {
        afterMs: DISK_FULL_RETRY_MS,
      });
    }
  }

  /** Runs `work` after the work before it, and rejects at the request's deadline. */
  async #answerInTime(
    { type, timeout_ms = TIMEOUT_MS_DEFAULT }: Request,
    aborter: AbortController,
    work: (signal: AbortSignal) => Promise<PendingReply>,
  ): Promise<JsonObject> {
    const { signal } = aborter;
    const cancelTimer = this.#clock.after(timeout_ms, () => {
      const message = `Cannot finish ${type} in ${timeout_ms} ms`;
      aborter.abort(new CodedError("deadline_exceeded", message));
    });
    try {
      const { output, durable } = await this.#mutex.run(() => work(signal), signal);
      await durable;
      this.#counts.done++;
      return output;
    } catch (error) {
      this.#counts.failed++;
      throw error;
    } finally {
      cancelTimer();
    }
  }

  /** Runs a handler and begins the commit of its outcome. */
  async #run(
    op: Op,
    request: Request,
    { digest, bytesIn }: { digest: string; bytesIn: number },
    signal: AbortSignal,
  ): Promise<PendingReply> {
    const { id, type } = request;
    const begunAt = this.#clock.now();
    const entry = this.#requests.begin(id, type, digest, bytesIn);
    const ms = (): number => Math.round(this.#clock.now() - begunAt);
    try {
      const state = new OwnState(this.#memory);
      const { output, note, changes } = await this.#executeLogged(request, state, signal);
      this.#inFlight.get(id)!.isCommitting = true;
      const durable = this.#requests.finish(id, entry, state.toCommit(changes), {
        ms: ms(),
        bytesOut: JSON.stringify(output).length,
        answer: op.recall === undefined ? { reply: output } : { note },
      });
      return { output, durable };
    } catch (error) {
      this.#requests.fail(id, entry, ms(), error);
      throw error;
    }
  }

  /** Runs a pure handler or a recall, and drops what it changed. */
  async #runUncommitted(request: Request, signal: AbortSignal, note?: Json): Promise<PendingReply> {
    const state = new OwnState(this.#memory);
    const { output } = await this.#executeLogged(request, state, signal, note);
    return { output, durable: Promise.resolve() };
  }

  /** Runs a handler, and logs the stack if it failed. */
  async #executeLogged(
    { id, type, body = {} }: Request,
    state: OwnState,
    signal: AbortSignal,
    note?: Json,
  ): Promise<Outcome> {
    try {
      const outcome = await this.#execute({ op: type, id, body, note }, state, signal);
      signal.throwIfAborted();
      return outcome;
    } catch (error) {
      if (error instanceof CodedError && error.code === "handler_failed") {
        const { stack } = error.cause instanceof Error ? error.cause : error;
        this.#log("error", "handler_failed", { id, op: type, stack });
      }
      throw error;
    }
  }

  #cancel(id: string): JsonObject {
    const running = this.#inFlight.get(id);
    if (running === undefined || running.isCommitting) return { cancelled: false };
    running.aborter.abort(new CodedError("cancelled", `Cancelled: ${id}`));
    return { cancelled: true };
  }
}

function infoOf({ name, ops }: Agent): JsonObject {
  const schemas = Object.entries(ops).map(([name, { input, output }]) => ({
    name,
    input: z.toJSONSchema(input, { io: "input", unrepresentable: "any" }) as Json,
    output: z.toJSONSchema(output, { io: "output", unrepresentable: "any" }) as Json,
  }));
  return { agent: name, ops: schemas };
}
