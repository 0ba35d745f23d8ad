/**
 * An agent without the process around it: a listener before a runtime.
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

/** When it drains, what runs may take so long to end. */
const DRAIN_MS = 7_000;

export interface ServiceOptions {
  readonly agent: Agent;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** How this process calls itself. */
  readonly name: string;
  readonly secret: Secret;
  /** Stays its owner's. */
  readonly memory: Memory;
  /** Runs one handler. */
  readonly execute: Execute;
  /** What peers are held to, where it is not the usual. */
  readonly limits?: Partial<Limits>;
  readonly log: Log;
  readonly system?: System;
}

export class AgentService implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #server: Server;
  #draining = false;

  /** @throws {ExitError} `port_busy` or `not_permitted` */
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

  get address(): Deno.NetAddr {
    return this.#server.address;
  }

  /** Requests in hand. */
  get inFlight(): number {
    return this.#runtime.inFlight;
  }

  /** Takes nothing any more; resolves when what is in hand is answered, or after 7 s. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.#server.drain(DRAIN_MS);
  }

  /** Hangs up on everybody. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
