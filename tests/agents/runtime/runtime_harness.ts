import type { Agent, Op } from "../../../agents/define.ts";
import type { Execute } from "../../../agents/runtime/execute.ts";
import { Runtime } from "../../../agents/runtime/runtime.ts";
import { CodedError } from "../../../lib/errors.ts";
import { Memory } from "../../../lib/disk/memory.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { executeHere } from "../../harness/execute_here.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

export interface AskOptions {
  readonly id?: string;
  readonly timeoutMs?: number;
}

/** A runtime with a real memory in a temporary folder, without a server. */
export class RuntimeHarness implements AsyncDisposable {
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

  /** @param execute runs the handlers; absence means the test's own thread */
  static async make(ops: Record<string, Op>, execute?: Execute): Promise<RuntimeHarness> {
    const agent = { name: "tester", ops };
    const harness = new RuntimeHarness(
      await TempFolder.make(),
      agent,
      execute ?? executeHere(agent),
    );
    await harness.#open();
    return harness;
  }

  /** Opens the memory anew, as a restart does. */
  async reopen(): Promise<void> {
    await this.memory[Symbol.asyncDispose]();
    await this.#open();
  }

  ask(
    type: string,
    body: JsonObject = {},
    { id = `request-${++this.#ids}`, timeoutMs }: AskOptions = {},
  ): Promise<JsonObject> {
    return this.runtime.answer({ v: 1, id, type, timeout_ms: timeoutMs, body });
  }

  /** Returns the error's code, or `ok`. */
  async code(...request: Parameters<RuntimeHarness["ask"]>): Promise<string> {
    try {
      await this.ask(...request);
      return "ok";
    } catch (error) {
      return error instanceof CodedError ? error.code : String(error);
    }
  }

  /** The handlers' part of the memory. */
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
