/**
 * The stage of a task that works on pages.
 *
 * What must hold:
 *  1. Pages are collected one after the other, since each brings the cursor of the next. At most
 *     `PAGES_AT_ONCE` of them are worked on side by side.
 *  2. When `COMBINE_AT` parts have come, they are combined into a single part, so that
 *     the parts of a task always fit into one request.
 *  3. Which parts are combined is in the log before the call, so that after a restart the same
 *     request has the same body, although further parts have come meanwhile.
 *  4. The first page that fails for good ends the stage. Attempts of other pages that are under way
 *     go on and their replies are kept, but none is retried.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { estimateBytes } from "../../lib/json_size.ts";
import { callWithRetry } from "./attempt.ts";
import type { Call, PagesStage } from "./pipelines.ts";
import type { RunContext } from "./run_context.ts";

const PAGES_AT_ONCE = 3;
const COMBINE_AT = 8;
/** Pages of one task. The log keeps an entry for each until the task ends. */
const PAGES_MAX = 20_000;
/** What the cursor of each page may take in memory. */
const CURSOR_BYTES_MAX = 64 * 1024;

/**
 * Runs a stage of pages on `input`, and returns the parts as `{partials}`. Pages that are done in the
 * log are not collected again.
 *
 * @throws {CodedError} the error of the first page that has failed for good, `bad_output` if the
 * source does not come to an end
 */
export function runPages(
  context: RunContext,
  stage: PagesStage,
  input: JsonObject,
): Promise<JsonObject> {
  return new PagesRun(context, stage, input).run();
}

class PagesRun {
  readonly #context: RunContext;
  readonly #stage: PagesStage;
  readonly #input: JsonObject;
  readonly #working = new Set<Promise<void>>();
  readonly #failed = new AbortController();
  /** Aborts when no further attempt may begin. */
  readonly #stop: AbortSignal;

  constructor(context: RunContext, stage: PagesStage, input: JsonObject) {
    this.#context = context;
    this.#stage = stage;
    this.#input = input;
    this.#stop = AbortSignal.any([context.signal, this.#failed.signal]);
  }

  async run(): Promise<JsonObject> {
    const { task, taskLog: { pages } } = this.#context;
    if (!pages.allDone(task)) await this.#runPages();
    return { partials: pages.parts(task).map(([, output]) => output) };
  }

  async #runPages(): Promise<void> {
    const { task, taskLog: { calls, pages } } = this.#context;
    calls.started(task, this.#stage.source.name);
    try {
      await this.#combine(); // what an earlier run has left
      for (let page = 0; page <= (pages.last(task) ?? Infinity); page++) {
        if (pages.get(task, page)?.done) continue;
        this.#beginWork(page, await this.#collect(page));
        if (this.#working.size >= PAGES_AT_ONCE) await Promise.race(this.#working);
        this.#failed.signal.throwIfAborted();
        const parts = pages.parts(task).map(([key]) => key);
        if (parts.length < COMBINE_AT) continue;
        await pages.combining(task, { parts, page }); // rule 3
        await this.#combine();
      }
      calls.started(task, this.#stage.each.name);
    } catch (error) {
      this.#failed.abort(error);
    }
    await Promise.all(this.#working);
    this.#failed.signal.throwIfAborted();
  }

  async #collect(page: number): Promise<JsonObject> {
    const { task, taskLog: { pages }, answerBudget } = this.#context;
    const cursor = pages.get(task, page)?.cursor ?? null;
    const body = cursor === null ? this.#input : { ...this.#input, cursor };
    const reply = await this.#call(this.#stage.source, body, page);
    const { cursor: next = null, ...content } = reply;
    assertBounded(page, next);
    await pages.collected(task, page, next);
    answerBudget.release(task, estimateBytes(reply) - estimateBytes(content));
    return content;
  }

  #beginWork(page: number, content: JsonObject): void {
    const work = this.#workOn(page, content)
      .catch((error) => this.#failed.abort(error)) // rule 4
      .finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  async #workOn(page: number, content: JsonObject): Promise<void> {
    const { task, taskLog: { pages }, system: { clock }, answerBudget } = this.#context;
    const { each } = this.#stage;
    const begun = clock.now();
    const output = await this.#call(each, content, page);
    await pages.done(task, page, each.name, output, Math.round(clock.now() - begun));
    answerBudget.release(task, estimateBytes(content));
  }

  /** Makes the combination that the log holds, if any. */
  async #combine(): Promise<void> {
    const { task, taskLog: { pages }, answerBudget } = this.#context;
    const { combine } = this.#stage;
    const combination = pages.combination(task);
    if (combination === undefined) return;
    const outputs = new Map(pages.parts(task));
    const partials = combination.parts.map((key) => outputs.get(key)!);
    const output = await this.#call(combine, { partials }, combination.page);
    await pages.combined(task, combine.name, output);
    for (const partial of partials) answerBudget.release(task, estimateBytes(partial));
  }

  #call(call: Call, body: JsonObject, page: number): Promise<JsonObject> {
    return callWithRetry(this.#context, call, body, { page, stop: this.#stop });
  }
}

/** Throws if a source goes on after `page` with more than the log can keep. */
function assertBounded(page: number, next: Json): void {
  if (next === null) return;
  const excess = page + 1 >= PAGES_MAX
    ? `more than ${PAGES_MAX} pages`
    : estimateBytes(next) > CURSOR_BYTES_MAX
    ? `a cursor of more than ${CURSOR_BYTES_MAX} bytes`
    : undefined;
  if (excess !== undefined) throw new CodedError("bad_output", `Cannot collect ${excess}`);
}
