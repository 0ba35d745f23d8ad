/**
 * The orchestrator without the process around it: its parts, put together, from start to drain.
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
/** After SIGTERM, calls that are under way may take so long, */
const STOP_MS = 4_000;
/** and answers to clients after that. */
const DRAIN_MS = 2_000;

export interface OrchestratorOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** How this process calls itself. */
  readonly name: string;
  readonly secret: Secret;
  /** Of agents that have one of their own, by role; the others have the common one. */
  readonly agentSecrets?: Readonly<Record<string, Secret | undefined>>;
  /** Stays its owner's. */
  readonly memory: Memory;
  /** Where each agent listens, by role. */
  readonly agents: Readonly<Record<string, readonly Address[]>>;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  /** Tasks that run at once. */
  readonly concurrency: number;
  /** Tasks that may wait; more are refused. */
  readonly queueMax: number;
  /** A task that could go on may wait so long, in milliseconds; then `health` says `overloaded`. */
  readonly maxWaitMs: number;
  /** What peers are held to, where it is not the usual. */
  readonly limits?: Partial<Limits>;
  readonly log: Log;
  readonly system?: System;
}

export class Orchestrator implements AsyncDisposable {
  readonly agents: Agents;
  readonly taskLog: TaskLog;
  readonly scheduler: Scheduler;
  readonly #memory: Memory;
  readonly #server: Server;
  readonly #api: Api;
  readonly #watchdog: Watchdog;
  /** Aborts when nobody is to be made to wait any more. */
  readonly #ending = new AbortController();
  #draining = false;

  /**
   * Listens, and goes on with every task that has not ended.
   *
   * @throws {ExitError} `port_busy` or `not_permitted`; nothing has begun then
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
        answer: (request, gone) =>
          this.#api.answer(request, AbortSignal.any([gone, this.#ending.signal])),
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
    this.#api = new Api({ taskLog, scheduler, agents, pauses, watchdog, pipelines, clock });
  }

  get address(): Deno.NetAddr {
    return this.#server.address;
  }

  /** Aborts when it is to end and nobody is to be made to wait any more. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Answers what this process itself asks, as it would a client. */
  ask(type: string, body: JsonObject): Promise<JsonObject> {
    return this.#api.answer({ v: PROTOCOL, id: "own", type, body }, this.ending);
  }

  /**
   * Takes no task and begins nothing any more; resolves when what runs has ended or is given up
   * until the next start, and everyone who waits is told.
   */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#watchdog[Symbol.dispose](); // what the scheduler lets go now is taken on by the next start
    await this.scheduler.stop(STOP_MS);
    this.#ending.abort(new CodedError("draining", "Stopped waiting: shutting down"));
    await this.#server.drain(DRAIN_MS);
  }

  /** Hangs up on everybody. */
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
