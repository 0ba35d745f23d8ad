/**
 * A task log in a temporary folder, and agents that answer by a script.
 *
 * @module
 */
import { Memory } from "../../lib/disk/memory.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { AnswerBudget } from "../../orchestrator/run/answer_budget.ts";
import { PIPELINES } from "../../orchestrator/run/pipelines.ts";
import type { RunContext } from "../../orchestrator/run/run_context.ts";
import { runTask } from "../../orchestrator/run/run_task.ts";
import { WaitTracker } from "../../orchestrator/run/wait_tracker.ts";
import type { RetentionLimits } from "../../orchestrator/tasks/retention.ts";
import { isFinal, type Task } from "../../orchestrator/tasks/task.ts";
import { type NewTask, TaskLog } from "../../orchestrator/tasks/task_log.ts";
import { FaultyDisk, systemError } from "../lib/disk/faulty_disk.ts";
import { quiet } from "../harness/recorded_log.ts";
import { within } from "../harness/waiting.ts";

export const REPORT = PIPELINES.get("report")!;

/** A clock that stands still until a test sets `ms`. Its timers are those of the system. */
export class StillClock implements Clock {
  ms = 0;
  readonly now = (): number => this.ms;
  readonly date = SYSTEM.clock.date;
  readonly after = SYSTEM.clock.after;
  readonly every = SYSTEM.clock.every;
}

/** A log that is open; disposing it closes its memory. */
export interface OpenLog extends AsyncDisposable {
  readonly memory: Memory;
  readonly log: TaskLog;
}

export interface LogOptions {
  readonly clock?: StillClock;
  readonly retention?: Partial<RetentionLimits>;
}

/** Opens the task log of a folder. */
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

/** Returns a task to create, with defaults for all that `overrides` leaves out. */
export function newTask(overrides: Partial<NewTask> = {}): NewTask {
  return {
    pipeline: REPORT.name,
    input: { sources: [{ text: "one" }] },
    label: "shop",
    key: null,
    digest: "0",
    deadlineMs: 600_000,
    ...overrides,
  };
}

/** Creates a task and starts it; returns its id. */
export async function startTask(log: TaskLog, overrides?: Partial<NewTask>): Promise<string> {
  const { task } = await log.create(newTask(overrides));
  await log.started(task);
  return task;
}

/** Resolves with the task when it has ended. */
export async function ended(log: TaskLog, id: string): Promise<Task> {
  while (!isFinal(log.get(id)!.state)) await within(log.changed(id), `the end of ${id}`);
  return log.get(id)!;
}

/** A disk on which every write fails, as if it were full, until it is disposed. */
export function fullDisk(): FaultyDisk {
  const disk = new FaultyDisk();
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("ENOSPC");
  };
  return disk;
}

/** Returns a value as it is read back from disk or from a connection. */
export function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** A request that a scripted agent has received. */
export interface ScriptedCall {
  readonly id: string;
  readonly agent: string;
  readonly op: string;
  readonly body: JsonObject;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

type Hook = (call: ScriptedCall) => void | Promise<void>;

/** Agents that make a report of `pages` pages, and record the requests that they receive. */
export class Script {
  readonly calls: ScriptedCall[] = [];
  /** Runs before each reply is made; an error that it throws is the reply. */
  before: Hook = () => {};
  /** Runs when a reply has been made and is not sent yet. */
  after: Hook = () => {};

  constructor(readonly pages: number) {}

  /** The ids of the requests without the task: `collect.0`, for example. */
  get names(): string[] {
    return this.calls.map(nameOf);
  }

  readonly call: RunContext["call"] = async (agent, op, body, { id, timeoutMs, signal }) => {
    const call = { id, agent, op, body: plain(body), timeoutMs, signal };
    this.calls.push(call);
    await this.before(call);
    const reply = this.#reply(op, call.body);
    await this.after(call);
    return reply;
  };

  #reply(op: string, body: JsonObject): JsonObject {
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

/** Returns the id of a request without the task: `collect.0`, for example. */
export function nameOf({ id }: ScriptedCall): string {
  return id.slice(id.indexOf(".") + 1);
}

function textOf(page: number): string {
  return `page ${String(page).padStart(3, "0")}`;
}

/** Returns the result of a task that has seen each of `pages` pages once. */
export function resultOf(pages: number): JsonObject {
  const seen = Array.from({ length: pages }, (_, page) => textOf(page));
  return { headline: `${pages} pages`, markdown: seen.join("\n") };
}

/** Returns what a run of a task works with; it does not wait between attempts. */
export function contextOf(
  log: TaskLog,
  task: string,
  script: Script,
  overrides: Partial<RunContext> = {},
): RunContext {
  return {
    task,
    taskLog: log,
    call: script.call,
    signal: new AbortController().signal,
    isPaused: () => false,
    assertRunning: () => {},
    system: { ...SYSTEM, random: () => 0 },
    waitTracker: new WaitTracker(SYSTEM.clock),
    answerBudget: new AnswerBudget(),
    ...overrides,
  };
}

/** Runs a task with the script's agents; returns its result. */
export function runScript(
  { log }: { log: TaskLog },
  task: string,
  script: Script,
  overrides?: Partial<RunContext>,
): Promise<JsonObject> {
  return runTask(REPORT, contextOf(log, task, script, overrides));
}
