/**
 * What clients may ask of the orchestrator. A request enters `Api.answer`, its body is checked
 * against `bodies.ts`, one handler runs, and its reply's body leaves. Start at the table of handlers.
 *
 * @module
 */
import type { z } from "zod";
import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { type Request, validate } from "../../lib/wire/protocol.ts";
import type { Agents } from "../run/agents.ts";
import type { Pausable, Pauses } from "../run/pauses.ts";
import { callsOf, type Pipeline, unknownPipeline } from "../run/pipelines.ts";
import { retryTask } from "../run/retry_task.ts";
import type { Scheduler } from "../run/scheduler.ts";
import type { Watchdog } from "../run/watchdog.ts";
import { isFinal, STATES, type Task } from "../tasks/task.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import {
  EmptyBody,
  EventsBody,
  ListBody,
  PauseBody,
  ResultBody,
  RetryBody,
  SubmitBody,
  TaskBody,
  WAIT_MS_MAX,
} from "./bodies.ts";
import { fitEvents, withBriefError } from "./fit_reply.ts";
import { type Caller, longPoll } from "./long_poll.ts";
import { explain } from "./why/explain.ts";

/** How long a client is asked to wait before it tries a full disk again. */
const STORAGE_FULL_RETRY_MS = 1_000;
/** `why` explains a task by its latest events alone; a task may have thousands. */
const WHY_EVENTS_MAX = 500;

type Handler = (body: JsonObject, caller: Caller) => JsonObject | Promise<JsonObject>;

/** What the API works with. All of it belongs to the caller. */
export interface ApiOptions {
  readonly taskLog: TaskLog;
  readonly scheduler: Scheduler;
  readonly agents: Agents;
  readonly pauses: Pauses;
  readonly watchdog: Pick<Watchdog, "oldestMs" | "adopted">;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  /** What the server adds to `stats`: connections and limits. */
  readonly serverStats: () => JsonObject;
  /** By default the system's clock. */
  readonly clock?: Clock;
}

/** Answers the orchestrator's request types. */
export class Api {
  readonly #taskLog: TaskLog;
  readonly #scheduler: Scheduler;
  readonly #agents: Agents;
  readonly #pauses: Pauses;
  readonly #watchdog: ApiOptions["watchdog"];
  readonly #pipelines: ReadonlyMap<string, Pipeline>;
  readonly #serverStats: () => JsonObject;
  readonly #clock: Clock;
  readonly #startedAt: number;

  readonly #handlers = new Map<string, Handler>([
    ["submit", handler(SubmitBody, (body, caller) => this.#submit(body, caller))],
    ["get", handler(TaskBody, ({ task }) => toBody(this.#task(task)))],
    ["list", handler(ListBody, (body) => this.#list(body))],
    ["events", handler(EventsBody, (body, caller) => this.#events(body, caller))],
    ["result", handler(ResultBody, (body, caller) => this.#result(body, caller))],
    ["cancel", handler(TaskBody, ({ task }) => this.#cancel(task))],
    ["why", handler(TaskBody, ({ task }) => this.#why(task))],
    ["retry", handler(RetryBody, (body) => this.#retry(body))],
    ["pause", handler(PauseBody, (body) => this.#setPaused("pause", body))],
    ["resume", handler(PauseBody, (body) => this.#setPaused("resume", body))],
    ["stats", handler(EmptyBody, () => this.#stats())],
    ["agents", handler(EmptyBody, () => ({ agents: this.#agents.states() }))],
    ["pipelines", handler(EmptyBody, () => this.#listPipelines())],
  ]);

  constructor(options: ApiOptions) {
    this.#taskLog = options.taskLog;
    this.#scheduler = options.scheduler;
    this.#agents = options.agents;
    this.#pauses = options.pauses;
    this.#watchdog = options.watchdog;
    this.#pipelines = options.pipelines;
    this.#serverStats = options.serverStats;
    this.#clock = options.clock ?? SYSTEM.clock;
    this.#startedAt = this.#clock.now();
  }

  /**
   * Answers a request with the body of its reply.
   *
   * @param signal aborts when nobody waits for the reply any more
   * @throws {CodedError} `unknown_type`, `invalid_input`, and what the type's section of
   * `lib/wire/PROTOCOL.md` names
   */
  async answer(
    { type, body = {}, timeout_ms }: Request,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    const handle = this.#handlers.get(type);
    if (handle === undefined) {
      throw new CodedError("unknown_type", `Cannot answer "${type}": see lib/wire/PROTOCOL.md`);
    }
    return await handle(body, { signal, maxMs: timeout_ms ?? WAIT_MS_MAX });
  }

  /** Returns how long this process has been up and how much work it has, for `health` and `stats`. */
  load(): JsonObject {
    return {
      uptime_ms: Math.round(this.#clock.now() - this.#startedAt),
      waiting: this.#scheduler.waiting,
      running: this.#scheduler.running,
      oldest_ms: this.#watchdog.oldestMs,
    };
  }

  /** `{"type":"submit","body":{"input":{"sources":[{"file":"shop.log"}]},"key":"shop 1"}}` */
  async #submit(body: z.infer<typeof SubmitBody>, caller: Caller): Promise<JsonObject> {
    const { pipeline, input, label, key, deadline_ms, wait_ms } = body;
    if (!this.#pipelines.has(pipeline)) throw unknownPipeline(pipeline, this.#pipelines);
    const digest = sha256(JSON.stringify([pipeline, input]));
    // Without a task of this key nothing is awaited before `create` takes the key. Otherwise two
    // requests with one key could both create a task.
    const stored = key === undefined ? undefined : this.#taskLog.byKey(key);
    const existing = stored && await stored;
    if (existing !== undefined && existing.digest !== digest) {
      const message = `Cannot use key "${key}": ${existing.task} has it for other work`;
      throw new CodedError("conflict", message);
    }
    if (existing === undefined) this.#assertDiskSpace("take a task");
    const newTask = { pipeline, input, label, key: key ?? null, digest, deadlineMs: deadline_ms };
    const { task } = existing ?? await this.#scheduler.add(() => this.#taskLog.create(newTask));
    await this.#waitForEnd(task, wait_ms, caller);
    return { ...toBody(this.#task(task)), created: existing === undefined };
  }

  /** `{"type":"list","body":{"states":["dead"],"limit":5}}` */
  #list({ states, limit }: z.infer<typeof ListBody>): JsonObject {
    const tasks: Json[] = [];
    for (const task of [...this.#taskLog.tasks()].reverse()) {
      if (tasks.length === limit) break;
      if (states === undefined || states.includes(task.state)) {
        tasks.push(toBody(withBriefError(task)));
      }
    }
    return { tasks };
  }

  /** `{"type":"events","body":{"task":"t…","after":4,"wait_ms":30000}}` */
  async #events(
    { task, after, wait_ms }: z.infer<typeof EventsBody>,
    caller: Caller,
  ): Promise<JsonObject> {
    await this.#poll(task, wait_ms, caller, () => {
      const { state } = this.#task(task);
      return isFinal(state) || this.#taskLog.events(task, after).length > 0;
    });
    const { state, events: last } = this.#task(task);
    return { state, last, events: fitEvents(this.#taskLog.events(task, after)) };
  }

  /** `{"type":"result","body":{"task":"t…","wait_ms":30000}}`; `result` is `null` until it is done. */
  async #result(
    { task, wait_ms }: z.infer<typeof ResultBody>,
    caller: Caller,
  ): Promise<JsonObject> {
    await this.#waitForEnd(task, wait_ms, caller);
    const { pipeline, state, error } = toBody(this.#task(task));
    const lastCall = callsOf(this.#pipeline(pipeline as string)).at(-1)!;
    const result = state === "done" ? this.#taskLog.calls.output(task, lastCall.name)! : null;
    return { task, state, error, result };
  }

  /** `{"type":"cancel","body":{"task":"t…"}}`; the reply comes when the task's work has stopped. */
  async #cancel(task: string): Promise<JsonObject> {
    const { state } = this.#task(task);
    if (isFinal(state)) {
      throw new CodedError("already_final", `Cannot cancel ${task}: it is ${state}`);
    }
    await this.#scheduler.cancel(task);
    return toBody(this.#task(task));
  }

  /** `{"type":"why","body":{"task":"t…"}}` */
  #why(id: string): JsonObject {
    const task = this.#task(id);
    const because = explain({
      task,
      events: this.#taskLog.events(id, Math.max(0, task.events - WHY_EVENTS_MAX)),
      pipeline: this.#pipelines.get(task.pipeline),
      place: this.#scheduler.position(id),
      pipelinePaused: this.#pauses.since("pipeline", task.pipeline),
      agents: this.#agents.states(),
      inFlight: this.#agents.inFlight(id),
      now: this.#clock.date().getTime(),
    });
    return { task: id, state: task.state, because };
  }

  /**
   * `{"type":"retry","body":{"task":"t…","from":"merge","events":9}}`; the reply comes when the task
   * is queued. For a task that has not ended the code is `conflict`, not `already_final`: the same
   * request may succeed later.
   */
  async #retry({ task: id, from, events }: z.infer<typeof RetryBody>): Promise<JsonObject> {
    const task = this.#task(id);
    const [next] = events === undefined ? [] : this.#taskLog.events(id, events);
    if (next?.kind === "retried") return { ...toBody(task), retried: false };
    if (task.state === "done") {
      throw new CodedError("already_final", `Cannot retry ${id}: it is done`);
    }
    if (!isFinal(task.state)) {
      throw new CodedError("conflict", `Cannot retry ${id}: it is ${task.state}`);
    }
    if (events !== undefined && events !== task.events) {
      throw new CodedError("conflict", `Cannot retry ${id}: its last event is ${task.events}`);
    }
    const pipeline = this.#pipeline(task.pipeline);
    this.#assertDiskSpace(`retry ${id}`);
    await this.#scheduler.add(() => retryTask(this.#taskLog, task, pipeline, from));
    return { ...toBody(this.#task(id)), retried: true };
  }

  /** `{"type":"pause","body":{"agent":"analyzer"}}`, `{"type":"resume","body":{"pipeline":"report"}}` */
  async #setPaused(
    type: "pause" | "resume",
    { agent, pipeline }: z.infer<typeof PauseBody>,
  ): Promise<JsonObject> {
    const [kind, name]: [Pausable, string] = agent === undefined
      ? ["pipeline", pipeline!]
      : ["agent", agent];
    const exists = kind === "agent" ? this.#agents.has(name) : this.#pipelines.has(name);
    if (!exists) {
      throw new CodedError("not_found", `Cannot ${type} ${kind} "${name}": there is none`);
    }
    await this.#pauses[type](kind, name);
    this.#scheduler.dispatch();
    return { [kind]: name, paused: this.#pauses.since(kind, name) };
  }

  /** `{"type":"stats"}` */
  #stats(): JsonObject {
    const tasks = Object.fromEntries(STATES.map((state) => [state, 0]));
    for (const { state } of this.#taskLog.tasks()) tasks[state]++;
    return { ...this.load(), adopted: this.#watchdog.adopted, tasks, ...this.#serverStats() };
  }

  /** `{"type":"pipelines"}` */
  #listPipelines(): JsonObject {
    const pipelines = [...this.#pipelines.values()].map((pipeline) => ({
      name: pipeline.name,
      paused: this.#pauses.since("pipeline", pipeline.name),
      calls: callsOf(pipeline).map(({ name, agent, op }) => ({ name, agent, op })),
    }));
    return { pipelines };
  }

  #task(id: string): Task {
    const task = this.#taskLog.get(id);
    if (task !== undefined) return task;
    throw new CodedError("not_found", `Cannot find task "${id}": it never existed or was deleted`);
  }

  #pipeline(name: string): Pipeline {
    const pipeline = this.#pipelines.get(name);
    if (pipeline !== undefined) return pipeline;
    throw unknownPipeline(name, this.#pipelines);
  }

  /** On a full disk the space left is for tasks that have begun. */
  #assertDiskSpace(action: string): void {
    if (!this.#taskLog.full) return;
    throw new CodedError("storage_full", `Cannot ${action}: the disk is full`, {
      afterMs: STORAGE_FULL_RETRY_MS,
    });
  }

  async #waitForEnd(task: string, waitMs: number, caller: Caller): Promise<void> {
    await this.#poll(task, waitMs, caller, () => isFinal(this.#task(task).state));
  }

  async #poll(
    task: string,
    waitMs: number,
    caller: Caller,
    isReady: () => boolean,
  ): Promise<void> {
    await longPoll(this.#taskLog, this.#clock, { task, waitMs, caller, isReady });
  }
}

/** Returns a handler that checks the body before `run` sees it. */
function handler<T>(
  schema: z.ZodType<T>,
  run: (body: T, caller: Caller) => JsonObject | Promise<JsonObject>,
): Handler {
  return (body, caller) => run(validate(schema, body), caller);
}

/** Returns a task as a body: its keys are those of the wire. */
function toBody(task: Task): JsonObject {
  return task as Task & JsonObject;
}
