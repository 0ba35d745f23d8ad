/**
 * A task log in a folder of its own, and agents that answer as a script says.
 *
 * @module
 */
import { Memory } from "../../lib/disk/memory.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { PIPELINES } from "../../orchestrator/run/pipelines.ts";
import type { RetentionLimits } from "../../orchestrator/tasks/retention.ts";
import { AnswerBudget } from "../../orchestrator/run/answer_budget.ts";
import type { RunContext } from "../../orchestrator/run/run_context.ts";
import { runTask } from "../../orchestrator/run/run_task.ts";
import { type NewTask, TaskLog } from "../../orchestrator/tasks/task_log.ts";
import { WaitTracker } from "../../orchestrator/run/wait_tracker.ts";
import { quiet } from "../harness/recorded_log.ts";

export const REPORT = PIPELINES.get("report")!;

/** A clock that stands still until it is told otherwise; what waits on it does not. */
export class StillClock implements Clock {
  ms = 0;
  readonly now = (): number => this.ms;
  readonly date = SYSTEM.clock.date;
  readonly after = SYSTEM.clock.after;
  readonly every = SYSTEM.clock.every;
}

export interface OpenLog extends AsyncDisposable {
  readonly memory: Memory;
  readonly log: TaskLog;
}

export interface LogOptions {
  readonly clock?: StillClock;
  readonly retention?: Partial<RetentionLimits>;
}

/** Opens the log of a folder; its end leaves the folder to the next one. */
export async function openLog(
  folder: string,
  { clock, retention }: LogOptions = {},
): Promise<OpenLog> {
  const memory = await Memory.open({
    folder: `${folder}/memory`,
    role: "orchestrator",
    log: quiet,
    onFailed: () => {},
  });
  return {
    memory,
    log: new TaskLog(memory, retention, clock && { ...SYSTEM, clock }),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
}

/** A task to create, usual in all that is not told. */
export function newTask(told: Partial<NewTask> = {}): NewTask {
  return {
    pipeline: REPORT.name,
    input: { sources: [{ text: "one" }] },
    label: "shop",
    key: null,
    digest: "0",
    deadlineMs: 600_000,
    ...told,
  };
}

/** A value as it is read back from disk or from a connection. */
export function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

export interface Called {
  readonly id: string;
  readonly agent: string;
  readonly op: string;
  readonly body: JsonObject;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

type Hook = (call: Called) => void | Promise<void>;

/** Agents that make a report of so many pages, and note what they are asked. */
export class Script {
  readonly calls: Called[] = [];
  /** Comes before the answer; what it throws is the answer. */
  before: Hook = () => {};
  /** Comes when the answer is made and nobody has it yet. */
  after: Hook = () => {};

  constructor(readonly pages: number) {}

  /** What was asked, without the task: `collect.0`, say. */
  get names(): string[] {
    return this.calls.map(nameOf);
  }

  readonly call: RunContext["call"] = async (agent, op, body, { id, timeoutMs, signal }) => {
    const call = { id, agent, op, body: plain(body), timeoutMs, signal };
    this.calls.push(call);
    await this.before(call);
    const answer = this.#answer(op, call.body);
    await this.after(call);
    return answer;
  };

  #answer(op: string, body: JsonObject): JsonObject {
    switch (op) {
      case "collect":
        return this.#page(body.cursor === undefined ? 0 : (body.cursor as { at: number }).at);
      case "analyze":
        return { seen: [body.text] };
      case "combine":
      case "merge":
        return { seen: (body.partials as { seen: Json[] }[]).flatMap(({ seen }) => seen).sort() };
      default:
        return {
          headline: `${(body.seen as Json[]).length} pages`,
          markdown: (body.seen as Json[]).join("\n"),
        };
    }
  }

  #page(at: number): JsonObject {
    return { text: textOf(at), cursor: at + 1 < this.pages ? { at: at + 1 } : null };
  }
}

export function nameOf({ id }: Called): string {
  return id.slice(id.indexOf(".") + 1);
}

function textOf(page: number): string {
  return `page ${String(page).padStart(3, "0")}`;
}

/** The result of a task of so many pages: each of them once. */
export function resultOf(pages: number): JsonObject {
  const seen = Array.from({ length: pages }, (_, page) => textOf(page));
  return { headline: `${pages} pages`, markdown: seen.join("\n") };
}

/** Runs a task of the log with the script's agents, without waiting between tries. */
export function runScript(
  { log }: { log: TaskLog },
  task: string,
  script: Script,
  around: Partial<RunContext> = {},
): Promise<JsonObject> {
  return runTask(REPORT, {
    task,
    taskLog: log,
    call: script.call,
    signal: new AbortController().signal,
    isPaused: () => false,
    assertRunning: () => {},
    system: { ...SYSTEM, random: () => 0 },
    waitTracker: new WaitTracker(SYSTEM.clock),
    answerBudget: new AnswerBudget(),
    ...around,
  });
}
