/**
 * One call of a task, attempted until it has a reply or has failed for good. Nothing else retries.
 *
 * What must hold:
 *  1. All attempts of a call have one request id, so an agent that has answered it already answers
 *     from its memory. Only a client's retry that redoes the call changes the id.
 *  2. The address that a request goes to is in the log before the request is sent. If the outcome
 *     stays unknown, that address may have the answer, and the next attempt goes there first.
 *  3. An agent that is busy or away costs time, not attempts.
 *  4. No attempt and no wait goes beyond the task's time.
 *
 * @module
 */
import { unlessAborted } from "../../lib/abort.ts";
import { advice, CodedError, type ErrorCode } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { estimateBytes } from "../../lib/json_size.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import { paused } from "./agents.ts";
import type { Call } from "./pipelines.ts";
import type { RunContext } from "./run_context.ts";

const BACKOFF = { baseMs: 200, maxMs: 30_000 };
/** Shorter, since the link to an agent that is away has a backoff of its own for connecting. */
const AWAY_BACKOFF = { baseMs: 200, maxMs: 2_000 };
/** How often a call looks whether its agent is still paused. */
const PAUSE_POLL_MS = 200;

/** Codes which mean that the agent could not take the work, not that the work has failed. */
export const AWAY: ReadonlySet<ErrorCode> = new Set([
  "agent_unreachable",
  "busy",
  "cancelled", // by an earlier process of this orchestrator; its own cancel aborts the signal
  "draining",
  "paused",
  "queue_full",
  "storage_failed",
  "storage_full",
  "too_many_in_flight",
]);

/** What a call is for, and when to give it up. */
export interface CallOptions {
  /** The page that the call is for, if any. */
  readonly page?: number;
  /** No attempt begins after this aborts; an attempt under way goes on. By default the run's signal. */
  readonly stop?: AbortSignal;
}

/**
 * Makes a call and returns the reply, whose bytes it reserves in the answer budget.
 *
 * @throws {CodedError} the error of the last attempt, `deadline_exceeded` if the task's time is over,
 * or the reason of the signal
 */
export async function callWithRetry(
  context: RunContext,
  call: Call,
  body: JsonObject,
  { page, stop = context.signal }: CallOptions = {},
): Promise<JsonObject> {
  try {
    return await new RetriedCall(context, call, body, page, stop).run();
  } catch (error) {
    // A call that was stopped has not failed.
    if (!stop.aborted) context.taskLog.calls.failed(context.task, call.name);
    throw error;
  }
}

class RetriedCall {
  readonly #context: RunContext;
  readonly #call: Call;
  readonly #body: JsonObject;
  readonly #page: number | undefined;
  readonly #stop: AbortSignal;
  readonly #request: string;
  /** Attempts that have failed. */
  #failed = 0;
  /** Attempts in a row that found the agent away. */
  #away = 0;
  #lastError: CodedError | undefined;

  constructor(
    context: RunContext,
    call: Call,
    body: JsonObject,
    page: number | undefined,
    stop: AbortSignal,
  ) {
    this.#context = context;
    this.#call = call;
    this.#body = body;
    this.#page = page;
    this.#stop = stop;
    const generation = context.taskLog.calls.generation(context.task, call.name);
    this.#request = requestId(context.task, generation, call.name, page); // rule 1
  }

  async run(): Promise<JsonObject> {
    const { task, signal, isPaused, assertRunning, answerBudget } = this.#context;
    const { name, agent } = this.#call;
    while (true) {
      this.#stop.throwIfAborted();
      assertRunning();
      if (this.#remainingMs <= 0) throw outOfTime(name, this.#lastError);
      if (isPaused(agent)) {
        this.#lastError = paused(agent);
        await this.#sleep(PAUSE_POLL_MS);
        continue;
      }
      try {
        const reply = await this.#attempt();
        answerBudget.reserve(task, estimateBytes(reply));
        return reply;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof CodedError)) throw error;
        await this.#waitAfter(error);
      }
    }
  }

  async #attempt(): Promise<JsonObject> {
    const { task, taskLog: { calls }, signal, waitTracker } = this.#context;
    const { agent, op } = this.#call;
    const request = this.#request;
    const timeoutMs = Math.min(this.#call.timeoutMs, this.#remainingMs); // rule 4
    const options = {
      id: request,
      timeoutMs,
      signal,
      affinity: calls.affinity(task, request),
      onChosen: (address: string) => calls.setAffinity(task, request, address), // rule 2
    };
    try {
      const reply = this.#context.call(agent, op, this.#body, options);
      return await waitTracker.within(timeoutMs, unlessAborted(reply, signal));
    } catch (error) {
      // After an abort from here the agent may still be working on it.
      const isOutcome = !signal.aborted && error instanceof CodedError && !error.maybeDone;
      if (isOutcome) calls.clearAffinity(task, request);
      throw error;
    }
  }

  /** Waits for the next attempt; throws the error if there is none. Rule 3. */
  async #waitAfter(error: CodedError): Promise<void> {
    const { task, taskLog: { calls }, system: { random } } = this.#context;
    const { name, attempts } = this.#call;
    this.#lastError = error;
    const isAway = AWAY.has(error.code);
    this.#away = isAway ? this.#away + 1 : 0;
    if (!isAway && (advice(error.code).retry === "no" || ++this.#failed >= attempts)) throw error;
    const backoff = isAway
      ? backoffMs(this.#away, AWAY_BACKOFF, random)
      : backoffMs(this.#failed, BACKOFF, random);
    const waitMs = (error.afterMs ?? 0) + backoff;
    // An absence is one event, however long it lasts.
    if (this.#away <= 1) {
      calls.attemptFailed(task, name, { attempts: this.#failed, error, waitMs, page: this.#page });
    }
    await this.#sleep(waitMs);
    calls.resumed(task);
  }

  /** Sleeps for `ms`, or until the task's time is over. Rule 4. */
  async #sleep(ms: number): Promise<void> {
    const { waitTracker, system: { clock } } = this.#context;
    const sleepMs = Math.min(ms, Math.max(0, this.#remainingMs));
    await waitTracker.within(sleepMs, sleep(sleepMs, this.#stop, clock));
  }

  get #remainingMs(): number {
    return this.#context.taskLog.remainingMs(this.#context.task);
  }
}

/** Returns `<task>.<call>`, or with all parts `<task>.r<generation>.<call>.<page>`. */
function requestId(
  task: string,
  generation: number,
  call: string,
  page: number | undefined,
): string {
  const redone = generation === 1 ? [] : [`r${generation}`];
  return [task, ...redone, call, ...(page === undefined ? [] : [page])].join(".");
}

function outOfTime(stage: string, last: CodedError | undefined): CodedError {
  const why = last === undefined ? "" : `; last error: ${last.message}`;
  return new CodedError("deadline_exceeded", `Stopped in ${stage}: the task's time is over${why}`, {
    cause: last,
  });
}
