import { CodedError } from "../lib/errors.ts";
import type { Link, LinkCall, LinkState } from "../lib/link.ts";
import type { JsonObject } from "../lib/protocol.ts";

/** An agent's role: its addresses, and the request that it answered last. */
export type AgentState = {
  readonly agent: string;
  readonly addresses: LinkState[];
  readonly done: number;
  readonly failed: number;
  readonly last:
    | { readonly id: string; readonly ms_ago: number; readonly error: string | null }
    | null;
};

interface Tally {
  done: number;
  failed: number;
  last?: { id: string; at: number; error: string | null };
}

/** The agents by role, and how each is getting on. */
export class Agents implements AsyncDisposable {
  readonly #links: ReadonlyMap<string, Link>;
  readonly #tallies = new Map<string, Tally>();

  constructor(links: readonly Link[]) {
    this.#links = new Map(links.map((link) => [link.role, link]));
    for (const { role } of links) this.#tallies.set(role, { done: 0, failed: 0 });
  }

  /** Asks an agent; throws what `Link.call` does, and `not_found` where there is no such agent. */
  async ask(agent: string, type: string, body: JsonObject, options: LinkCall): Promise<JsonObject> {
    const link = this.#links.get(agent);
    if (link !== undefined) return await link.call(type, body, options);
    throw new CodedError("not_found", `Cannot ask "${agent}": there is no such agent`);
  }

  /** Asks an agent for a task, and keeps count. */
  async call(
    agent: string,
    type: string,
    body: JsonObject,
    options: LinkCall,
  ): Promise<JsonObject> {
    const tally = this.#tallies.get(agent) ?? { done: 0, failed: 0 };
    const { id } = options;
    try {
      const reply = await this.ask(agent, type, body, options);
      tally.done++;
      tally.last = { id, at: performance.now(), error: null };
      return reply;
    } catch (error) {
      tally.failed++;
      const code = error instanceof CodedError ? error.code : "internal";
      tally.last = { id, at: performance.now(), error: code };
      throw error;
    }
  }

  /** Whether each agent has an address that is up. */
  get up(): boolean {
    return [...this.#links.values()].every(({ up }) => up);
  }

  states(): AgentState[] {
    const now = performance.now();
    return [...this.#links].map(([agent, link]) => {
      const { done, failed, last } = this.#tallies.get(agent)!;
      return {
        agent,
        addresses: link.states(),
        done,
        failed,
        last: last === undefined
          ? null
          : { id: last.id, ms_ago: Math.round(now - last.at), error: last.error },
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link[Symbol.asyncDispose]()));
  }
}
