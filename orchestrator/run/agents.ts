import type { InFlight, Link, LinkCall } from "../../lib/client/link.ts";
import type { PeerState } from "../../lib/client/peer.ts";
import { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import type { Pauses } from "./pauses.ts";

/** An agent, as clients see it. */
export type AgentState = {
  /** Its role. */
  readonly agent: string;
  /** When its pause began, in ISO 8601. */
  readonly paused: string | null;
  readonly addresses: PeerState[];
  /** Calls that it has answered. */
  readonly done: number;
  /** Calls that have failed. */
  readonly failed: number;
  /** The call that ended last; `error` is its code. */
  readonly last:
    | { readonly id: string; readonly ms_ago: number; readonly error: string | null }
    | null;
};

interface Tally {
  done: number;
  failed: number;
  last?: { id: string; at: number; error: string | null };
}

/** The agents by role: sends requests to them, and counts how the calls end. It owns their links. */
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

  /** Whether there is an agent with this role. */
  has(agent: string): boolean {
    return this.#links.has(agent);
  }

  /**
   * Sends a request to an agent and returns the reply.
   *
   * @throws {CodedError} what `Link.call()` throws, `paused`, or `not_found` if there is no such agent
   */
  async ask(agent: string, type: string, body: JsonObject, options: LinkCall): Promise<JsonObject> {
    const link = this.#links.get(agent);
    if (this.#pauses.since("agent", agent) !== null) throw paused(agent);
    if (link !== undefined) return await link.call(type, body, options);
    throw new CodedError("not_found", `Cannot ask "${agent}": there is no such agent`);
  }

  /** Does what `ask()` does, for a call of a task: it is counted. */
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

  /** Returns the state of each agent. */
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

  /** Returns the requests of a task that are with agents, the oldest first. */
  inFlight(task: string): InFlight[] {
    const requests = [...this.#links.values()].flatMap((link) => link.inFlight(`${task}.`));
    return requests.sort((a, b) => b.ms - a.ms);
  }

  /** Closes all links. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link[Symbol.asyncDispose]()));
  }
}

/** Returns the error of a request to an agent that is paused. */
export function paused(agent: string): CodedError {
  return new CodedError("paused", `Cannot ask ${agent}: it is paused`);
}
