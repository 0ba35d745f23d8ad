import { ExitError } from "../../lib/exit.ts";
import type { Log } from "../../lib/log.ts";
import { Memory } from "../../lib/disk/memory.ts";
import type { System } from "../../lib/system.ts";
import type { Machine } from "./machine.ts";

/** What holds back room on a full disk; little, so that it costs little. */
const RESERVE_BYTES = 64 * 1024;

/** A role without its process. */
export interface Service extends AsyncDisposable {
  drain(): Promise<void>;
}

export interface NodeOptions<S extends Service> {
  readonly machine: Machine;
  readonly role: string;
  /** Puts the role together, on a memory that is open. */
  readonly begin: (system: System, memory: Memory, log: Log) => S;
  readonly log: Log;
  /** The process has ended by itself: it is to be started anew. */
  readonly onEnded: () => void;
  /** Something is as it must never be. */
  readonly onFinding: (finding: string) => void;
}

/** A role on a machine: it is started, and started again after whatever has ended it. */
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

  /** The role, from when it listens. */
  get service(): S | undefined {
    return this.#running?.service;
  }

  get memory(): Memory | undefined {
    return this.#running?.memory;
  }

  /** Starts a process; nothing where one runs. */
  start(): void {
    if (!this.machine.up) this.#run(this.machine.boot());
  }

  kill(): void {
    this.#running = undefined;
    this.machine.kill();
  }

  cutPower(): void {
    this.#running = undefined;
    this.machine.cutPower();
  }

  /** Ends as SIGTERM does: what runs is finished or handed back, and everything is on disk. */
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
        onFailed: () => this.#fall(),
      });
      this.#running = { memory, service: begin(system, memory, log) };
    } catch (error) {
      const expected = error instanceof ExitError && error.reason === "storage_failed";
      if (!expected) onFinding(`${this.machine.name} does not start: ${(error as Error).message}`);
      this.#fall();
    }
  }

  /** As the program does with a disk that it can't trust any more. */
  #fall(): void {
    this.kill();
    this.#options.onEnded();
  }
}
