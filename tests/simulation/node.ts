import { ExitError } from "../../lib/exit.ts";
import type { Log } from "../../lib/log.ts";
import { Memory } from "../../lib/disk/memory.ts";
import type { System } from "../../lib/system.ts";
import type { Machine } from "./machine.ts";

/** The disk reserve of each memory. It is small, because the simulated disk holds it in RAM. */
const RESERVE_BYTES = 64 * 1024;

/** A role's service: the orchestrator or an agent, without its process. */
export interface Service extends AsyncDisposable {
  /** Ends orderly: running work is finished or handed back. */
  drain(): Promise<void>;
}

/** What a node needs to run its role. */
export interface NodeOptions<S extends Service> {
  readonly machine: Machine;
  readonly role: string;
  /** Creates the service on an open memory. */
  readonly begin: (system: System, memory: Memory, log: Log) => S;
  readonly log: Log;
  /** Called after the process has ended by itself, so that the caller restarts it. */
  readonly onEnded: () => void;
  /** Reports a violation. */
  readonly onFinding: (finding: string) => void;
}

/** A role on its machine. It can be restarted after a stop, kill, power cut or disk failure. */
export class Node<S extends Service = Service> {
  readonly machine: Machine;
  readonly role: string;
  readonly folder: string;
  readonly #options: NodeOptions<S>;
  #running: { readonly memory: Memory; readonly service: S } | undefined;

  constructor(options: NodeOptions<S>) {
    this.#options = options;
    this.machine = options.machine;
    this.role = options.role;
    this.folder = `memory/${options.role}`;
  }

  /** The running service; undefined until it listens. */
  get service(): S | undefined {
    return this.#running?.service;
  }

  /** The memory of the running service. */
  get memory(): Memory | undefined {
    return this.#running?.memory;
  }

  /** Starts a process, unless one is running. */
  start(): void {
    if (!this.machine.up) this.#run(this.machine.boot());
  }

  /** Ends the process at once, as SIGKILL does. */
  kill(): void {
    this.#running = undefined;
    this.machine.kill();
  }

  /** Turns the machine off at once; the disk loses a random part of what is not synced. */
  cutPower(): void {
    this.#running = undefined;
    this.machine.cutPower();
  }

  /** Ends as SIGTERM does: running work is finished or handed back, and everything is on disk. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return this.kill();
    this.#running = undefined;
    await running.service.drain();
    await running.service[Symbol.asyncDispose]();
    await running.memory[Symbol.asyncDispose]();
    this.machine.kill();
  }

  async #run(system: System): Promise<void> {
    const { role, begin, log, onFinding } = this.#options;
    try {
      const memory = await Memory.open({
        folder: this.folder,
        role,
        log,
        reserveBytes: RESERVE_BYTES,
        system,
        onFailed: () => this.#endAfterFailure(),
      });
      this.#running = { memory, service: begin(system, memory, log) };
    } catch (error) {
      const expected = error instanceof ExitError && error.reason === "storage_failed";
      if (!expected) onFinding(`${this.machine.name} does not start: ${(error as Error).message}`);
      this.#endAfterFailure();
    }
  }

  /** Ends the process, as the program does when it cannot trust its disk any more. */
  #endAfterFailure(): void {
    this.kill();
    this.#options.onEnded();
  }
}
