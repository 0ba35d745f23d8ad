/**
 * What clients may ask of the orchestrator: each type checks its body and calls one thing.
 *
 * @module
 */
import { z } from "zod";
import { unlessAborted } from "../../lib/abort.ts";
import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import {
  AnyObject,
  type Request,
  TaskId,
  TIMEOUT_MS_MAX,
  validate,
} from "../../lib/wire/protocol.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import type { Agents } from "../run/agents.ts";
import { fitting, listed } from "./fit_reply.ts";
import type { Pausable, Pauses } from "../run/pauses.ts";
import { callsOf, type Pipeline } from "../run/pipelines.ts";
import { retryTask } from "../run/retry_task.ts";
import { type Scheduler, unknownPipeline } from "../run/scheduler.ts";
import { isFinal, STATES, type Task } from "../tasks/task.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import type { Watchdog } from "../run/watchdog.ts";
import { explain } from "./why.ts";

/** What a task may take that does not say. */
const DEADLINE_MS = 600_000;
const WAIT_MS_MAX = 600_000;
/** On a full disk a task is to come again after this time. */
const FULL_MS = 1_000;
const LIST_MAX = 500;
/** The last events of a task that tell why it stands where it does. */
const EVENTS_TOLD = 500;

const Wait = z.int().nonnegative().max(WAIT_MS_MAX).default(0);

const SubmitBody = z.strictObject({
  pipeline: z.string().max(64).default("report"),
  input: AnyObject,
  /** What people know it by. */
  label: z.string().max(200).default(""),
  /** The idempotency key: the same one gives the same task, for as long as the task is kept. */
  key: z.string().min(1).max(256).optional(),
  deadline_ms: z.int().positive().max(TIMEOUT_MS_MAX).default(DEADLINE_MS),
  /** Waits for the end. */
  wait_ms: Wait,
});
const TaskBody = z.strictObject({ task: TaskId });
const WaitBody = z.strictObject({ task: TaskId, wait_ms: Wait });
const RetryBody = z.strictObject({
  task: TaskId,
  /** The call to begin with, though it may be through. */
  from: z.string().max(64).optional(),
  /** The number of its last event, which makes it safe to ask again. */
  events: z.int().nonnegative().optional(),
});
const EventsBody = z.strictObject({
  task: TaskId,
  after: z.int().nonnegative().default(0),
  wait_ms: Wait,
});
const ListBody = z.strictObject({
  states: z.array(z.enum(STATES)).max(STATES.length).optional(),
  limit: z.int().positive().max(LIST_MAX).default(50),
});
const PauseBody = z.strictObject({
  agent: z.string().max(64).optional(),
  pipeline: z.string().max(64).optional(),
}).refine(
  ({ agent, pipeline }) => (agent === undefined) !== (pipeline === undefined),
  "name an agent or a pipeline, and not both",
);
const NoBody = z.strictObject({});

export interface ApiOptions {
  readonly taskLog: TaskLog;
  readonly scheduler: Scheduler;
  readonly agents: Agents;
  readonly pauses: Pauses;
  readonly watchdog: Pick<Watchdog, "oldestMs" | "adopted">;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  readonly clock?: Clock;
}

export class Api {
  readonly #taskLog: TaskLog;
  readonly #scheduler: Scheduler;
  readonly #agents: Agents;
  readonly #pauses: Pauses;
  readonly #watchdog: ApiOptions["watchdog"];
  readonly #pipelines: ReadonlyMap<string, Pipeline>;
  readonly #clock: Clock;
  readonly #startedAt: number;

  constructor(options: ApiOptions) {
    const { taskLog, scheduler, agents, pauses, watchdog, pipelines, clock = SYSTEM.clock } =
      options;
    this.#watchdog = watchdog;
    this.#taskLog = taskLog;
    this.#scheduler = scheduler;
    this.#agents = agents;
    this.#pauses = pauses;
    this.#pipelines = pipelines;
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /**
   * Answers a request.
   *
   * @param gone aborts when nobody waits for the answer any more
   * @throws {CodedError}
   */
  async answer(
    { type, body = {}, timeout_ms }: Request,
    gone: AbortSignal,
  ): Promise<JsonObject> {
    const wait = { gone, maxMs: timeout_ms ?? WAIT_MS_MAX };
    switch (type) {
      case "submit":
        return await this.#submit(body, wait);
      case "get":
        return this.#known(validate(TaskBody, body).task);
      case "list":
        return this.#list(body);
      case "events":
        return await this.#events(body, wait);
      case "result":
        return await this.#result(body, wait);
      case "cancel":
        return await this.#cancel(body);
      case "why":
        return this.#why(body);
      case "retry":
        return await this.#retry(body);
      case "pause":
      case "resume":
        return await this.#pauseOrResume(type, body);
      case "stats":
        validate(NoBody, body);
        return this.#stats();
      case "agents":
        validate(NoBody, body);
        return { agents: this.#agents.states() };
      case "pipelines":
        validate(NoBody, body);
        return this.#pipelineList();
      default:
        throw new CodedError("unknown_type", `Cannot answer "${type}": see lib/wire/PROTOCOL.md`);
    }
  }

  /** How long this process is up, and what it has to do. */
  load(): JsonObject {
    return {
      uptime_ms: Math.round(this.#clock.now() - this.#startedAt),
      waiting: this.#scheduler.waiting,
      running: this.#scheduler.running,
      oldest_ms: this.#watchdog.oldestMs,
    };
  }

  #stats(): JsonObject {
    const tasks = Object.fromEntries(STATES.map((state) => [state, 0]));
    for (const { state } of this.#taskLog.tasks()) tasks[state]++;
    return { ...this.load(), adopted: this.#watchdog.adopted, tasks };
  }

  /** `{"type":"submit","body":{"input":{"sources":[{"file":"shop.log"}]},"key":"shop 1"}}` */
  async #submit(body: JsonObject, wait: Wait): Promise<JsonObject> {
    const { pipeline, input, label, key, deadline_ms, wait_ms } = validate(SubmitBody, body);
    if (!this.#pipelines.has(pipeline)) throw unknownPipeline(pipeline, this.#pipelines);
    const digest = sha256(JSON.stringify([pipeline, input]));
    const found = key === undefined ? undefined : this.#taskLog.byKey(key);
    const known = found && await found; // no turn passes between looking for a key and taking it
    if (known !== undefined && known.digest !== digest) {
      throw new CodedError(
        "conflict",
        `Cannot use key "${key}": ${known.task} has it for other work`,
      );
    }
    if (known === undefined) this.#assertSpace("take a task");
    const asked = { pipeline, input, label, key: key ?? null, digest, deadlineMs: deadline_ms };
    const { task } = known ?? await this.#scheduler.add(() => this.#taskLog.create(asked));
    await this.#ended(task, wait_ms, wait);
    return { ...this.#known(task), created: known === undefined };
  }

  /** `{"type":"list","body":{"states":["dead"],"limit":5}}` */
  #list(body: JsonObject): JsonObject {
    const { states, limit } = validate(ListBody, body);
    const tasks: Json[] = [];
    for (const task of [...this.#taskLog.tasks()].reverse()) {
      if (tasks.length === limit) break;
      if (states === undefined || states.includes(task.state)) tasks.push(listed(task));
    }
    return { tasks };
  }

  /** `{"type":"events","body":{"task":"t…","after":4,"wait_ms":30000}}` */
  async #events(body: JsonObject, wait: Wait): Promise<JsonObject> {
    const { task, after, wait_ms } = validate(EventsBody, body);
    const { promise: late, stop } = this.#timer(Math.min(wait_ms, wait.maxMs));
    try {
      while (true) {
        const { state, events: last } = this.#known(task);
        const events = fitting(this.#taskLog.events(task, after));
        if (events.length > 0 || isFinal(state as Task["state"])) return { state, last, events };
        const over = await this.#changedOr(task, late, wait.gone);
        if (over) return { state, last, events };
      }
    } finally {
      stop();
    }
  }

  /** `{"type":"result","body":{"task":"t…","wait_ms":30000}}`; `result` is `null` until it is done. */
  async #result(body: JsonObject, wait: Wait): Promise<JsonObject> {
    const { task, wait_ms } = validate(WaitBody, body);
    await this.#ended(task, wait_ms, wait);
    const { pipeline, state, error } = this.#known(task);
    const calls = this.#pipelines.get(pipeline);
    if (calls === undefined) throw unknownPipeline(pipeline, this.#pipelines);
    const last = callsOf(calls).at(-1)!.name;
    const result = state === "done" ? this.#taskLog.output(task, last)! : null;
    return { task, state, error, result };
  }

  /** `{"type":"cancel","body":{"task":"t…"}}`; answered when the work has stopped. */
  async #cancel(body: JsonObject): Promise<JsonObject> {
    const { task } = validate(TaskBody, body);
    const { state } = this.#known(task);
    if (isFinal(state as Task["state"])) {
      throw new CodedError("already_final", `Cannot cancel ${task}: it is ${state}`);
    }
    await this.#scheduler.cancel(task);
    return this.#known(task);
  }

  /**
   * `{"type":"retry","body":{"task":"t…","from":"merge","events":9}}`; answered when it is queued. A
   * task that has not ended is a `conflict`: the request is right and may be so again, the state is
   * against it.
   */
  async #retry(body: JsonObject): Promise<JsonObject> {
    const { task: id, from, events } = validate(RetryBody, body);
    const task = this.#known(id);
    const [next] = events === undefined ? [] : this.#taskLog.events(id, events);
    if (next?.kind === "retried") return { ...task, retried: false };
    if (task.state === "done") {
      throw new CodedError("already_final", `Cannot retry ${id}: it is done`);
    }
    if (!isFinal(task.state)) {
      throw new CodedError("conflict", `Cannot retry ${id}: it is ${task.state}`);
    }
    if (events !== undefined && events !== task.events) {
      throw new CodedError("conflict", `Cannot retry ${id}: its last event is ${task.events}`);
    }
    const pipeline = this.#pipelines.get(task.pipeline);
    if (pipeline === undefined) throw unknownPipeline(task.pipeline, this.#pipelines);
    this.#assertSpace(`retry ${id}`);
    await this.#scheduler.add(() => retryTask(this.#taskLog, task, pipeline, from));
    return { ...this.#known(id), retried: true };
  }

  /** What there is on a full disk is for what runs already. */
  #assertSpace(act: string): void {
    if (!this.#taskLog.full) return;
    throw new CodedError("storage_full", `Cannot ${act}: the disk is full`, { afterMs: FULL_MS });
  }

  /** `{"type":"why","body":{"task":"t…"}}` */
  #why(body: JsonObject): JsonObject {
    const { task: id } = validate(TaskBody, body);
    const task = this.#known(id);
    const lines = explain({
      task,
      events: this.#taskLog.events(id, Math.max(0, task.events - EVENTS_TOLD)),
      pipeline: this.#pipelines.get(task.pipeline),
      place: this.#scheduler.place(id),
      pipelinePaused: this.#pauses.since("pipeline", task.pipeline),
      agents: this.#agents.states(),
      asked: this.#agents.asked(id),
      now: this.#clock.date().getTime(),
    });
    return { task: id, state: task.state, because: lines };
  }

  /** `{"type":"pause","body":{"agent":"analyzer"}}`, `{"type":"resume","body":{"pipeline":"report"}}` */
  async #pauseOrResume(type: "pause" | "resume", body: JsonObject): Promise<JsonObject> {
    const { agent, pipeline } = validate(PauseBody, body);
    const [what, name]: [Pausable, string] = agent === undefined
      ? ["pipeline", pipeline!]
      : ["agent", agent];
    const known = what === "agent" ? this.#agents.has(name) : this.#pipelines.has(name);
    if (!known) {
      throw new CodedError("not_found", `Cannot ${type} ${what} "${name}": there is none`);
    }
    await this.#pauses[type](what, name);
    this.#scheduler.dispatch();
    return { [what]: name, paused: this.#pauses.since(what, name) };
  }

  #pipelineList(): JsonObject {
    const pipelines = [...this.#pipelines.values()].map((pipeline) => ({
      name: pipeline.name,
      paused: this.#pauses.since("pipeline", pipeline.name),
      calls: callsOf(pipeline).map(({ name, agent, op }) => ({ name, agent, op })),
    }));
    return { pipelines };
  }

  #known(id: string): Task & JsonObject {
    const task = this.#taskLog.get(id);
    if (task !== undefined) return task as Task & JsonObject;
    throw new CodedError(
      "not_found",
      `Cannot find task "${id}": it never was, or is kept no longer`,
    );
  }

  /** Waits for a task's end, for the client, or for the time to be over. */
  async #ended(task: string, waitMs: number, { gone, maxMs }: Wait): Promise<void> {
    this.#known(task);
    if (waitMs === 0) return;
    const { promise: late, stop } = this.#timer(Math.min(waitMs, maxMs));
    try {
      while (!isFinal(this.#known(task).state)) {
        if (await this.#changedOr(task, late, gone)) return;
      }
    } finally {
      stop();
    }
  }

  async #changedOr(task: string, late: Promise<true>, gone: AbortSignal): Promise<boolean> {
    const changed = this.#taskLog.changed(task).then(() => false);
    try {
      return await unlessAborted(Promise.race([changed, late]), gone);
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      throw new CodedError("cancelled", "Stopped waiting: the connection has ended", { cause });
    }
  }

  #timer(ms: number): { promise: Promise<true>; stop: () => void } {
    const { promise, resolve } = Promise.withResolvers<true>();
    return { promise, stop: this.#clock.after(ms, () => resolve(true)) };
  }
}

interface Wait {
  readonly gone: AbortSignal;
  /** What the request's own time allows. */
  readonly maxMs: number;
}
