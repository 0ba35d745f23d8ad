/**
 * Serves an agent: a server in front of a runtime, without the process around them.
 *
 * @module
 */
import type { Secret } from "../../lib/wire/auth.ts";
import type { Limits } from "../../lib/wire/limits.ts";
import type { Log } from "../../lib/log.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import { VERSION } from "../../lib/roles.ts";
import { Server } from "../../lib/server/server.ts";
import { SYSTEM, type System } from "../../lib/system.ts";
import type { Agent } from "../define.ts";
import type { Execute } from "./execute.ts";
import { Runtime } from "./runtime.ts";

/** How long requests in flight may take to end while the service drains. */
const DRAIN_MS = 7_000;

/** What a service is made of. */
export interface ServiceOptions {
  readonly agent: Agent;
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Name of this process, as peers see it. */
  readonly name: string;
  readonly secret: Secret;
  /** The caller closes it. */
  readonly memory: Memory;
  readonly execute: Execute;
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  readonly log: Log;
  /** Absence means the machine itself. */
  readonly system?: System;
}

/** An agent that listens. Disposing closes the listener and all connections. */
export class AgentService implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #server: Server;
  #draining = false;

  /**
   * Begins to listen.
   *
   * @throws {ExitError} `port_busy` or `not_permitted`
   */
  constructor(options: ServiceOptions) {
    const { agent, host, port, name, secret, memory, execute, limits, log, system = SYSTEM } =
      options;
    const { clock } = system;
    const startedAt = clock.now();
    this.#runtime = new Runtime({
      agent,
      memory,
      log,
      execute,
      clock,
      serverStats: () => this.#server.stats(),
    });
    this.#server = new Server({
      hostname: host,
      port,
      limits,
      log,
      system,
      service: {
        role: agent.name,
        name,
        version: VERSION,
        secret,
        health: () => ({
          status: this.#draining ? "draining" : memory.full ? "full" : "ok",
          role: agent.name,
          name,
          version: VERSION,
          uptime_ms: Math.round(clock.now() - startedAt),
          storage: memory.full ? "full" : "ok",
          in_flight: this.inFlight,
        }),
        answer: (request) => this.#runtime.answer(request),
        onInternal: (reference, error) =>
          log("error", "internal", { reference, stack: (error as Error).stack }),
      },
    });
  }

  /** The address that the agent listens on. */
  get address(): Deno.NetAddr {
    return this.#server.address;
  }

  /** Requests that run or wait. */
  get inFlight(): number {
    return this.#runtime.inFlight;
  }

  /** Refuses new requests; resolves when all requests in flight are answered, or after 7 s. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.#server.drain(DRAIN_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
