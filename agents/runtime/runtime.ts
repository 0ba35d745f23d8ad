/**
 * Answers an agent's requests: one handler at a time, each on a draft of the memory, the draft's
 * changes and the reply in one commit. What must hold:
 *  1. A reply leaves after its commit is on disk. The next handler may run meanwhile.
 *  2. A request id that is answered is answered again without running its handler; one that runs is
 *     joined. The same id with another body is a conflict.
 *  3. A request of an earlier run than the latest of its call is refused: it is late, and its answer
 *     is not wanted any more.
 *  4. A handler that fails, is late or is cancelled leaves no trace in memory.
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

/** Requests that wait for the handler before them. */
const QUEUE_MAX = 256;
/** What a request is given that does not say how much time it has. */
const TIMEOUT_MS = 60_000;

/** On a full disk a request is to come again after this time. */
const FULL_MS = 1_000;

const CancelBody = z.strictObject({ id: z.string() });

/** A request that is being answered. */
interface Running {
  readonly digest: string;
  readonly answer: Promise<JsonObject>;
  readonly aborter: AbortController;
  /** Its commit is on its way: from here on it can't be cancelled. */
  committed: boolean;
}

/** What a request's turn gives: the answer, and when it may leave. */
interface PendingReply {
  readonly output: JsonObject;
  readonly durable: Promise<void>;
}

export interface RuntimeOptions {
  readonly agent: Agent;
  readonly memory: Memory;
  readonly log: Log;
  /** Runs one handler. */
  readonly execute: Execute;
  readonly clock?: Clock;
  /** What the server adds to `stats`: connections and limits. */
  readonly serverStats?: () => JsonObject;
}

type Answer = (request: Request) => JsonObject | Promise<JsonObject>;

export class Runtime {
  readonly #agent: Agent;
  readonly #answers: ReadonlyMap<string, Answer>;
  readonly #memory: Memory;
  readonly #log: Log;
  readonly #execute: Execute;
  readonly #clock: Clock;
  readonly #serverStats: () => JsonObject;
  readonly #requests: Requests;
  readonly #running = new Map<string, Running>();
  readonly #mutex = new Mutex();
  readonly #counts = { done: 0, failed: 0, repeated: 0 };
  /** Absent until it is asked for: making it takes milliseconds. */
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
        (request) => this.#once(op, request),
      ]),
      ["info", () => this.#info ??= infoOf(agent)],
      ["stats", () => this.#stats()],
      ["cancel", ({ body }) => this.#cancel(validate(CancelBody, body ?? {}).id)],
    ]);
  }

  /** Requests in hand. */
  get inFlight(): number {
    return this.#running.size;
  }

  /** Answers one request; throws `CodedError`. */
  async answer(request: Request): Promise<JsonObject> {
    const answer = this.#answers.get(request.type);
    if (answer !== undefined) return await answer(request);
    const { name, ops } = this.#agent;
    const known = Object.keys(ops).join(", ");
    throw new CodedError("unknown_type", `Cannot do "${request.type}": ${name} does ${known}`);
  }

  #stats(): JsonObject {
    return {
      ...this.#counts,
      in_flight: this.inFlight,
      memory_keys: this.#memory.size,
      ...this.#serverStats(),
    };
  }

  /** Rules 2 and 3. */
  async #once(op: Op, request: Request): Promise<JsonObject> {
    const { id, type, body = {} } = request;
    const text = JSON.stringify(body);
    const digest = `${type} ${sha256(text)}`;
    const running = this.#running.get(id);
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
    if (this.#requests.isSuperseded(id)) {
      throw new CodedError("conflict", `Cannot take "${id}": a later run of it has begun`);
    }
    if (this.inFlight >= QUEUE_MAX) {
      throw new CodedError("busy", `Cannot take another request: ${QUEUE_MAX} wait already`);
    }
    if (this.#memory.full && answered === undefined && !op.pure) {
      throw new CodedError("storage_full", "Cannot take new work: the disk is full", {
        afterMs: FULL_MS,
      });
    }
    const aborter = new AbortController();
    const answer = this.#inTime(request, aborter, (signal) => {
      const again = answered !== undefined;
      if (again || op.pure) return this.#runFreely(request, signal, answered?.note);
      return this.#run(op, request, { digest, bytesIn: text.length }, signal);
    });
    this.#running.set(id, { digest, answer, aborter, committed: false });
    try {
      return await answer;
    } finally {
      this.#running.delete(id);
    }
  }

  /** Takes a turn for the work, and ends it when the request's time is over. */
  async #inTime(
    { type, timeout_ms = TIMEOUT_MS }: Request,
    aborter: AbortController,
    work: (signal: AbortSignal) => Promise<PendingReply>,
  ): Promise<JsonObject> {
    const cancel = this.#clock.after(timeout_ms, () => {
      const message = `Cannot finish ${type} in ${timeout_ms} ms`;
      aborter.abort(new CodedError("deadline_exceeded", message));
    });
    try {
      const { output, durable } = await this.#mutex.run(
        () => work(aborter.signal),
        aborter.signal,
      );
      await durable;
      this.#counts.done++;
      return output;
    } catch (error) {
      this.#counts.failed++;
      throw error;
    } finally {
      cancel();
    }
  }

  /** Runs a handler and commits what it gives. */
  async #run(
    op: Op,
    request: Request,
    { digest, bytesIn }: { digest: string; bytesIn: number },
    signal: AbortSignal,
  ): Promise<PendingReply> {
    const { id, type } = request;
    const begun = this.#clock.now();
    const entry = this.#requests.begin(id, type, digest, bytesIn);
    const ms = (): number => Math.round(this.#clock.now() - begun);
    try {
      const state = new OwnState(this.#memory);
      const { output, note, changes } = await this.#executed(request, state, signal);
      this.#running.get(id)!.committed = true;
      const durable = this.#requests.finish(id, entry, state.changed(changes), {
        ms: ms(),
        bytesOut: JSON.stringify(output).length,
        kept: op.recall === undefined ? { reply: output } : { note },
      });
      return { output, durable };
    } catch (error) {
      this.#requests.fail(id, entry, ms(), error);
      throw error;
    }
  }

  /** Runs what changes nothing: a pure handler, or a recall. */
  async #runFreely(request: Request, signal: AbortSignal, note?: Json): Promise<PendingReply> {
    const state = new OwnState(this.#memory);
    const { output } = await this.#executed(request, state, signal, note);
    return { output, durable: Promise.resolve() };
  }

  async #executed(
    { id, type, body = {} }: Request,
    state: OwnState,
    signal: AbortSignal,
    note?: Json,
  ): Promise<Outcome> {
    try {
      const done = await this.#execute({ op: type, id, body, note }, state, signal);
      signal.throwIfAborted();
      return done;
    } catch (error) {
      if (error instanceof CodedError && error.code === "handler_failed") {
        const { stack } = error.cause instanceof Error ? error.cause : error;
        this.#log("error", "handler_failed", { id, op: type, stack });
      }
      throw error;
    }
  }

  #cancel(id: string): JsonObject {
    const running = this.#running.get(id);
    if (running === undefined || running.committed) return { cancelled: false };
    running.aborter.abort(new CodedError("cancelled", `Cancelled: ${id}`));
    return { cancelled: true };
  }
}

function infoOf({ name, ops }: Agent): JsonObject {
  const described = Object.entries(ops).map(([name, { input, output }]) => ({
    name,
    input: z.toJSONSchema(input, { io: "input", unrepresentable: "any" }) as Json,
    output: z.toJSONSchema(output, { io: "output", unrepresentable: "any" }) as Json,
  }));
  return { agent: name, ops: described };
}
