import { CodedError } from "../../lib/errors.ts";
import type { InFlight, Link, LinkCall } from "../../lib/client/link.ts";
import type { PeerState } from "../../lib/client/peer.ts";
import type { JsonObject } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import type { Pauses } from "./pauses.ts";

/** An agent's role: its addresses, and the request that it answered last. */
export type AgentState = {
  readonly agent: string;
  /** Since when it is asked nothing new. */
  readonly paused: string | null;
  readonly addresses: PeerState[];
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

  readonly #pauses: Pick<Pauses, "since">;
  readonly #clock: Clock;

  constructor(
    links: readonly Link[],
    pauses: Pick<Pauses, "since">,
    clock = SYSTEM.clock,
  ) {
    this.#pauses = pauses;
    this.#clock = clock;
    this.#links = new Map(links.map((link) => [link.role, link]));
    for (const { role } of links) this.#tallies.set(role, { done: 0, failed: 0 });
  }

  has(agent: string): boolean {
    return this.#links.has(agent);
  }

  /**
   * Asks an agent.
   *
   * @throws {CodedError} what `Link.call` throws, `paused`, and `not_found` where there is no such agent
   */
  async ask(agent: string, type: string, body: JsonObject, options: LinkCall): Promise<JsonObject> {
    const link = this.#links.get(agent);
    if (this.#pauses.since("agent", agent) !== null) throw paused(agent);
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
      tally.last = { id, at: this.#clock.now(), error: null };
      return reply;
    } catch (error) {
      tally.failed++;
      const code = error instanceof CodedError ? error.code : "internal";
      tally.last = { id, at: this.#clock.now(), error: code };
      throw error;
    }
  }

  /** Whether each agent has an address that is up. */
  get up(): boolean {
    return [...this.#links.values()].every(({ up }) => up);
  }

  states(): AgentState[] {
    const now = this.#clock.now();
    return [...this.#links].map(([agent, link]) => {
      const { done, failed, last } = this.#tallies.get(agent)!;
      return {
        agent,
        paused: this.#pauses.since("agent", agent),
        addresses: link.states(),
        done,
        failed,
        last: last === undefined
          ? null
          : { id: last.id, ms_ago: Math.round(now - last.at), error: last.error },
      };
    });
  }

  /** The requests for a task that are under way, the one that was asked first in front. */
  asked(task: string): InFlight[] {
    const all = [...this.#links.values()].flatMap((link) => link.inFlight(`${task}.`));
    return all.sort((a, b) => b.ms - a.ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link[Symbol.asyncDispose]()));
  }
}

/** Says that nothing is asked of an agent. */
export function paused(agent: string): CodedError {
  return new CodedError("paused", `Cannot ask ${agent}: it is paused`);
}
