/**
 * Takes one task from where it stands to its end.
 *
 * What must hold:
 *  1. A call's answer is in the log before the next call begins, and a call that is in the log is
 *     never made again.
 *  2. A call has one request id for all its attempts, so an agent that has answered it already
 *     answers from its memory. Only a retry that runs the call anew gives it another one.
 *  3. Which of an agent's addresses is asked is in the log before it is, since it may have the answer
 *     when the outcome is not known: the next try goes there first.
 *  4. Retrying stands here and nowhere else. An agent that is busy or away costs time, not attempts.
 *
 * @module
 */
import { unlessAborted } from "../../lib/abort.ts";
import { advice, CodedError, type ErrorCode } from "../../lib/errors.ts";
import type { LinkCall } from "../../lib/client/link.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import type { Clock, System } from "../../lib/system.ts";
import { estimateBytes } from "../../lib/json_size.ts";
import { paused } from "./agents.ts";
import type { Call, Pipeline, Stage } from "./pipelines.ts";
import type { AnswerBudget } from "./answer_budget.ts";
import type { Task } from "../tasks/task.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import type { WaitTracker } from "./wait_tracker.ts";

const BACKOFF = { baseMs: 200, maxMs: 30_000 };
/** While an agent is away it is asked more often: connecting has its own backoff. */
const AWAY_BACKOFF = { baseMs: 200, maxMs: 2_000 };
/** How often a task looks whether an agent is paused still. */
const PAUSED_MS = 200;
/** Pages of one task that are on their way at once. */
const PAGES_AT_ONCE = 3;
/** So many parts become one; together they fit a line. */
const COMBINE_AT = 8;
/** Pages of one task: so long does it keep what it knows of each. */
const PAGES_MAX = 20_000;
/** What a cursor may take of memory. */
const CURSOR_BYTES_MAX = 64 * 1024;

/** Says that the agent, not the work, is the trouble. */
export const AWAY: ReadonlySet<ErrorCode> = new Set([
  "agent_unreachable",
  "busy",
  "cancelled", // not from here, or the signal would say so: by an orchestrator that stopped
  "draining",
  "paused",
  "queue_full",
  "storage_failed",
  "storage_full",
  "too_many_in_flight",
]);

export interface RunContext {
  readonly taskLog: TaskLog;
  readonly call: (
    agent: string,
    type: string,
    body: JsonObject,
    options: LinkCall,
  ) => Promise<JsonObject>;
  /** Aborts with a `CodedError` when the task is to end now. */
  readonly signal: AbortSignal;
  /** Whether an agent is to be asked nothing new. */
  readonly isPaused: (agent: string) => boolean;
  /** Throws where no new call may begin. */
  readonly assertRunning: () => void;
  readonly system: Pick<System, "clock" | "random">;
  /** Is told of everything that the task waits for. */
  readonly waitTracker: WaitTracker;
  /** Where the answers of all tasks have to fit. */
  readonly answerBudget: AnswerBudget;
}

/** Gives the task's result; throws the `CodedError` that ends it. */
export async function runTask(
  { task: id }: Task,
  { stages }: Pipeline,
  around: RunContext,
): Promise<JsonObject> {
  const { taskLog, answerBudget } = around;
  const run = new TaskRun(id, around);
  let value = taskLog.input(id)!;
  let from = 0;
  for (const [at, stage] of stages.entries()) {
    const done = stage.kind === "call" ? taskLog.output(id, stage.call.name) : undefined;
    if (done !== undefined) [value, from] = [done, at + 1];
  }
  answerBudget.begin(id, taskLog.outputBytes(id));
  try {
    for (const stage of stages.slice(from)) value = await run.stage(stage, value);
    return value;
  } finally {
    answerBudget.end(id);
  }
}

class TaskRun {
  readonly #id: string;
  readonly #context: RunContext;
  readonly #log: TaskLog;
  readonly #clock: Clock;
  readonly #room: AnswerBudget;
  /** Aborts when a page has failed for good: what is under way beside it is not tried again. */
  readonly #failed = new AbortController();
  readonly #over: AbortSignal;

  constructor(id: string, around: RunContext) {
    this.#id = id;
    this.#context = around;
    this.#log = around.taskLog;
    this.#clock = around.system.clock;
    this.#room = around.answerBudget;
    this.#over = AbortSignal.any([around.signal, this.#failed.signal]);
  }

  async stage(stage: Stage, value: JsonObject): Promise<JsonObject> {
    if (stage.kind === "pages") return await this.#pages(stage, value);
    const begun = this.#clock.now();
    this.#log.callStarted(this.#id, stage.call.name);
    const output = await this.#ask(stage.call, value);
    await this.#log.callDone(this.#id, stage.call.name, output, this.#elapsed(begun));
    return output;
  }

  /** Pages come in turn, since each tells the next one's cursor; they are worked on side by side. */
  async #pages(
    { source, each, combine }: Stage & { kind: "pages" },
    value: JsonObject,
  ): Promise<JsonObject> {
    const parts = (): [string, JsonObject][] =>
      this.#log.parts(this.#id, [each.name, combine.name]);
    if (this.#allThrough()) return { partials: parts().map(([, output]) => output) };
    const working = new Set<Promise<void>>();
    this.#log.callStarted(this.#id, source.name);
    try {
      await this.#combine(combine);
      for (let page = 0; page <= (this.#log.lastPage(this.#id) ?? Infinity); page++) {
        if (this.#log.page(this.#id, page)?.done) continue;
        const content = await this.#collect(source, value, page);
        const work = this.#workOn(each, page, content)
          .catch((error) => this.#failed.abort(error))
          .finally(() => working.delete(work));
        working.add(work);
        if (working.size >= PAGES_AT_ONCE) await Promise.race(working);
        this.#failed.signal.throwIfAborted();
        if (parts().length < COMBINE_AT) continue;
        const names = parts().map(([name]) => name);
        await this.#log.combining(this.#id, { names, page });
        await this.#combine(combine);
      }
      this.#log.callStarted(this.#id, each.name);
    } catch (error) {
      this.#failed.abort(error);
    }
    await Promise.all(working);
    this.#failed.signal.throwIfAborted();
    return { partials: parts().map(([, output]) => output) };
  }

  #allThrough(): boolean {
    const last = this.#log.lastPage(this.#id);
    const { pages } = this.#log.get(this.#id)!;
    return pages - 1 === last && this.#log.combination(this.#id) === undefined;
  }

  async #collect(source: Call, value: JsonObject, page: number): Promise<JsonObject> {
    const cursor = this.#log.page(this.#id, page)?.cursor ?? null;
    const body = cursor === null ? value : { ...value, cursor };
    const answer = await this.#ask(source, body, page);
    const { cursor: next = null, ...content } = answer;
    refuseEndless(page, next);
    await this.#log.collected(this.#id, page, next);
    this.#room.release(this.#id, estimateBytes(answer) - estimateBytes(content));
    return content;
  }

  async #workOn(each: Call, page: number, content: JsonObject): Promise<void> {
    const begun = this.#clock.now();
    const output = await this.#ask(each, content, page);
    const name = `${each.name}.${String(page).padStart(6, "0")}`;
    await this.#log.pageDone(this.#id, page, name, output, this.#elapsed(begun));
    this.#room.release(this.#id, estimateBytes(content));
  }

  /** Does what the log says is to be combined, if anything. */
  async #combine(combine: Call): Promise<void> {
    const combination = this.#log.combination(this.#id);
    if (combination === undefined) return;
    const { names, page } = combination;
    const body = { partials: names.map((name) => this.#log.output(this.#id, name)!) };
    const output = await this.#ask(combine, body, page);
    await this.#log.combined(this.#id, names, `${combine.name}.${page}`, output);
    for (const part of body.partials) this.#room.release(this.#id, estimateBytes(part));
  }

  /** Tells the log with which call the task fails, where it does. */
  async #ask(call: Call, body: JsonObject, page?: number): Promise<JsonObject> {
    try {
      return await this.#callWithRetry(call, body, page);
    } catch (error) {
      // What stops it from outside, or another page that has failed before, is no fault of this call.
      if (!this.#over.aborted) this.#log.callFailed(this.#id, call.name);
      throw error;
    }
  }

  /** Rules 2 and 4. */
  async #callWithRetry(call: Call, body: JsonObject, page?: number): Promise<JsonObject> {
    const { signal, isPaused, assertRunning, system: { random } } = this.#context;
    let failed = 0;
    let away = 0;
    let error: CodedError | undefined;
    while (true) {
      this.#over.throwIfAborted();
      assertRunning();
      if (this.#log.leftMs(this.#id) <= 0) throw outOfTime(call.name, error);
      if (isPaused(call.agent)) {
        error = paused(call.agent);
        await this.#sleep(PAUSED_MS);
        continue;
      }
      try {
        const answer = await this.#attempt(call, body, page);
        this.#room.reserve(this.#id, estimateBytes(answer));
        return answer;
      } catch (caught) {
        signal.throwIfAborted();
        if (!(caught instanceof CodedError)) throw caught;
        error = caught;
      }
      const isAway = AWAY.has(error.code);
      away = isAway ? away + 1 : 0;
      if (!isAway && (advice(error.code).retry === "no" || ++failed >= call.attempts)) throw error;
      const waitMs = (error.afterMs ?? 0) +
        (isAway ? backoffMs(away, AWAY_BACKOFF, random) : backoffMs(failed, BACKOFF, random));
      if (away <= 1) {
        const failure = { attempts: failed, error, waitMs, page };
        this.#log.attemptFailed(this.#id, call.name, failure);
      }
      await this.#sleep(waitMs);
      this.#log.resumed(this.#id);
    }
  }

  async #attempt(call: Call, body: JsonObject, page?: number): Promise<JsonObject> {
    const { signal, waitTracker } = this.#context;
    const timeoutMs = Math.min(call.timeoutMs, this.#log.leftMs(this.#id));
    const run = this.#log.generation(this.#id, call.name);
    const words = [
      this.#id,
      ...(run === 1 ? [] : [`r${run}`]),
      call.name,
      ...(page === undefined ? [] : [page]),
    ];
    const request = words.join(".");
    const options = {
      id: request,
      timeoutMs,
      signal,
      affinity: this.#log.affinity(this.#id, request),
      onChosen: (address: string) => this.#log.setAffinity(this.#id, request, address),
    };
    try {
      const { agent, op } = call;
      const answer = unlessAborted(this.#context.call(agent, op, body, options), signal);
      return await waitTracker.within(timeoutMs, answer);
    } catch (error) {
      // Stopped from here, the agent may be at it still.
      const isOutcome = !signal.aborted && error instanceof CodedError && !error.maybeDone;
      if (isOutcome) this.#log.clearAffinity(this.#id, request);
      throw error;
    }
  }

  /** Sleeps, but not beyond the task's time. */
  async #sleep(ms: number): Promise<void> {
    const most = Math.min(ms, Math.max(0, this.#log.leftMs(this.#id)));
    await this.#context.waitTracker.within(most, sleep(most, this.#over, this.#clock));
  }

  #elapsed(since: number): number {
    return Math.round(this.#clock.now() - since);
  }
}

/** What a task keeps of its pages is small, so many of them are enough to have no end. */
function refuseEndless(page: number, next: Json): void {
  const why = next === null
    ? undefined
    : page + 1 >= PAGES_MAX
    ? `more than ${PAGES_MAX} pages`
    : estimateBytes(next) > CURSOR_BYTES_MAX
    ? `a cursor of more than ${CURSOR_BYTES_MAX} bytes`
    : undefined;
  if (why !== undefined) throw new CodedError("bad_output", `Cannot collect ${why}`);
}

function outOfTime(stage: string, last?: CodedError): CodedError {
  const why = last === undefined ? "" : `; what held it up: ${last.message}`;
  return new CodedError("deadline_exceeded", `Stopped in ${stage}: the task's time is over${why}`, {
    cause: last,
  });
}
