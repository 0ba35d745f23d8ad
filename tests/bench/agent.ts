import type { Agent, Op } from "../../agents/define.ts";
import type { Execute } from "../../agents/runtime/execute.ts";
import { Runtime } from "../../agents/runtime/runtime.ts";
import { CodedError } from "../../lib/errors.ts";
import { Memory } from "../../lib/disk/memory.ts";
import type { JsonObject } from "../../lib/json.ts";
import { executeHere } from "../harness/execute_here.ts";
import { TempFolder } from "../harness/temp_folder.ts";

export interface Asked {
  readonly id?: string;
  readonly timeoutMs?: number;
}

/** An agent with a real memory in a folder of its own, without a wire. */
export class Bench implements AsyncDisposable {
  readonly log: { event: string; fields: Record<string, unknown> }[] = [];
  readonly #agent: Agent;
  readonly #execute: Execute;
  #ids = 0;
  memory!: Memory;
  runtime!: Runtime;

  private constructor(readonly folder: TempFolder, agent: Agent, execute: Execute) {
    this.#agent = agent;
    this.#execute = execute;
  }

  /** @param execute runs the handlers; absence means in the test's own thread */
  static async make(ops: Record<string, Op>, execute?: Execute): Promise<Bench> {
    const agent = { name: "tester", ops };
    const bench = new Bench(await TempFolder.make(), agent, execute ?? executeHere(agent));
    await bench.#open();
    return bench;
  }

  /** Ends the agent and begins it anew with the memory that it left. */
  async reopen(): Promise<void> {
    await this.memory[Symbol.asyncDispose]();
    await this.#open();
  }

  ask(
    type: string,
    body: JsonObject = {},
    { id = `request-${++this.#ids}`, timeoutMs }: Asked = {},
  ): Promise<JsonObject> {
    return this.runtime.answer({ v: 1, id, type, timeout_ms: timeoutMs, body });
  }

  /** The error's code, or `ok`. */
  async code(...asked: Parameters<Bench["ask"]>): Promise<string> {
    try {
      await this.ask(...asked);
      return "ok";
    } catch (error) {
      return error instanceof CodedError ? error.code : String(error);
    }
  }

  /** What handlers have left in memory. */
  get state(): JsonObject {
    return Object.fromEntries(
      [...this.memory.entries("state/")].map(([key, value]) => [key.slice("state/".length), value]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.memory[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }

  async #open(): Promise<void> {
    this.memory = await Memory.open({
      folder: this.folder.path,
      role: "tester",
      log: () => {},
      onFailed: () => {},
    });
    this.runtime = new Runtime({
      agent: this.#agent,
      memory: this.memory,
      log: (_level, event, fields = {}) => this.log.push({ event, fields }),
      execute: this.#execute,
    });
  }
}

/** Something that a handler waits for and a test lets go. */
export class Gate {
  readonly #reached = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();

  /** Resolves when the first one waits. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  async pass(): Promise<void> {
    this.#reached.resolve();
    await this.#opened.promise;
  }

  open(): void {
    this.#opened.resolve();
  }
}
