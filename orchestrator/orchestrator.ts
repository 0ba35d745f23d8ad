/**
 * The orchestrator without the process around it. A request enters through the server and is answered
 * by the API. The API adds tasks to the task log; the scheduler runs them and calls the agents. A
 * test or a simulation makes one with a `System` of its own.
 *
 * @module
 */
import type { Secret } from "../lib/wire/auth.ts";
import type { Address } from "../lib/address.ts";
import { CodedError } from "../lib/errors.ts";
import { Link } from "../lib/client/link.ts";
import type { Limits } from "../lib/wire/limits.ts";
import type { Log } from "../lib/log.ts";
import type { Memory } from "../lib/disk/memory.ts";
import type { JsonObject } from "../lib/json.ts";
import { PROTOCOL } from "../lib/wire/protocol.ts";
import { VERSION } from "../lib/roles.ts";
import { Server } from "../lib/server/server.ts";
import { SYSTEM, type System } from "../lib/system.ts";
import { Agents } from "./run/agents.ts";
import { Api } from "./api/api.ts";
import { Pauses } from "./run/pauses.ts";
import type { Pipeline } from "./run/pipelines.ts";
import { Scheduler } from "./run/scheduler.ts";
import { TaskLog } from "./tasks/task_log.ts";
import { Watchdog } from "./run/watchdog.ts";

const ROLE = "orchestrator";
/**
 * At shutdown, how long calls in flight may take. Together with `DRAIN_MS` it stays below the 10 s
 * after which a container is killed.
 */
const STOP_MS = 4_000;
/** After that, how long replies to clients may take. */
const DRAIN_MS = 2_000;

/** What an orchestrator is made of. */
export interface OrchestratorOptions {
  /** The address to listen on. */
  readonly host: string;
  /** The port to listen on; 0 takes any free port. */
  readonly port: number;
  /** The name of this process in its replies and log. */
  readonly name: string;
  /** Shared with clients, and with each agent that has no secret of its own. */
  readonly secret: Secret;
  /** Secrets of agents that have one of their own, by role. */
  readonly agentSecrets?: Readonly<Record<string, Secret | undefined>>;
  /** Belongs to the caller, who closes it after the orchestrator. */
  readonly memory: Memory;
  /** The addresses of each agent, by role. */
  readonly agents: Readonly<Record<string, readonly Address[]>>;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  /** Number of tasks that run at once. */
  readonly concurrency: number;
  /** Number of tasks that may wait; further tasks are rejected. */
  readonly queueMax: number;
  /** If a runnable task waits longer, in milliseconds, `health` reports `overloaded`. */
  readonly maxWaitMs: number;
  /** Limits for peers that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  readonly log: Log;
  readonly system?: System;
}

/** The parts of an orchestrator, put together. Disposing it closes all connections at once. */
export class Orchestrator implements AsyncDisposable {
  /** The agents that tasks are run by. */
  readonly agents: Agents;
  /** All tasks, on disk. */
  readonly taskLog: TaskLog;
  /** Decides which task runs when. */
  readonly scheduler: Scheduler;
  readonly #memory: Memory;
  readonly #server: Server;
  readonly #api: Api;
  readonly #watchdog: Watchdog;
  /** Aborts when waiting replies must be sent. */
  readonly #ending = new AbortController();
  #draining = false;

  /**
   * Listens, and continues every task that has not ended.
   *
   * @throws {ExitError} `port_busy` or `not_permitted`, before anything has begun
   */
  constructor(options: OrchestratorOptions) {
    const { host, port, name, secret, memory, pipelines, log } = options;
    const { agentSecrets = {}, system = SYSTEM } = options;
    const { clock } = system;
    this.#memory = memory;
    this.#server = new Server({
      hostname: host,
      port,
      limits: options.limits,
      log,
      system,
      service: {
        role: ROLE,
        name,
        version: VERSION,
        secret,
        health: () => ({
          status: this.#status,
          role: ROLE,
          name,
          version: VERSION,
          storage: memory.full ? "full" : "ok",
          agents: this.agents.up ? "up" : "down",
          ...this.#api.load(),
        }),
        answer: (request, disconnected) =>
          this.#api.answer(request, AbortSignal.any([disconnected, this.#ending.signal])),
        onInternal: (reference, error) =>
          log("error", "internal", { reference, stack: (error as Error).stack }),
      },
    });
    this.taskLog = new TaskLog(memory, {}, system);
    const pauses = new Pauses(memory, clock);
    const links = Object.entries(options.agents).map(([role, addresses]) =>
      new Link({ role, addresses, secret: agentSecrets[role] ?? secret, log, system })
    );
    this.agents = new Agents(links, pauses, clock);
    this.scheduler = new Scheduler({
      taskLog: this.taskLog,
      pipelines,
      call: (...args) => this.agents.call(...args),
      pauses,
      concurrency: options.concurrency,
      queueMax: options.queueMax,
      log,
      system,
    });
    const { taskLog, scheduler, agents } = this;
    const { maxWaitMs } = options;
    this.#watchdog = new Watchdog({ taskLog, scheduler, maxWaitMs, log, clock });
    const watchdog = this.#watchdog;
    this.#api = new Api({
      taskLog,
      scheduler,
      agents,
      pauses,
      watchdog,
      pipelines,
      serverStats: () => this.#server.stats(),
      clock,
    });
  }

  /** The address that the orchestrator listens on. */
  get address(): Deno.NetAddr {
    return this.#server.address;
  }

  /** Aborts at shutdown, once no task runs: nothing may wait any longer. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Answers a request of this process as if a client had sent it. Throws what `Api.answer` throws. */
  ask(type: string, body: JsonObject): Promise<JsonObject> {
    return this.#api.answer({ v: PROTOCOL, id: "own", type, body }, this.ending);
  }

  /**
   * Shuts down: accepts no task and begins none. Resolves when running tasks have ended or are left to
   * the next start, and all replies are sent.
   */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#watchdog[Symbol.dispose](); // or it would adopt the tasks that are left to the next start
    await this.scheduler.stop(STOP_MS);
    this.#ending.abort(new CodedError("draining", "Stopped waiting: shutting down"));
    await this.#server.drain(DRAIN_MS);
  }

  /** Closes all connections without waiting for tasks or replies. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchdog[Symbol.dispose]();
    this.#ending.abort(new CodedError("draining", "Stopped waiting: shutting down"));
    await this.#server[Symbol.asyncDispose]();
    await this.agents[Symbol.asyncDispose]();
  }

  get #status(): string {
    if (this.#draining) return "draining";
    if (this.#memory.full) return "full";
    return this.#watchdog.overloaded ? "overloaded" : "ok";
  }
}
