/**
 * Keeps connections to all addresses of an agent up and gives each request to the least busy one.
 * It never repeats a request: only its caller knows what may be asked twice.
 *
 * @module
 */
import type { Secret } from "../wire/auth.ts";
import { type Address, addressText } from "../address.ts";
import { Client } from "./client.ts";
import { advice, CodedError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { JsonObject } from "../json.ts";
import { backoffMs, sleep } from "../retry.ts";
import { SYSTEM, type System } from "../system.ts";

/**
 * Between two tries to connect; a name is looked up anew each time. A connection that ends sooner than
 * the longest of these is a try that has failed, or who lets in and hangs up would fill the log.
 */
const RECONNECT = { baseMs: 100, maxMs: 2_000 };
/** How often a connection is asked whether anyone is there. */
const PING_MS = 10_000;
const PING_TIMEOUT_MS = 10_000;
/** Unanswered pings in a row that end a connection. */
const PINGS_MISSED_MAX = 2;
/** How long a request waits for a connection before it is told that there is none. */
const CONNECTION_WAIT_MS = 1_000;
/** How long an address that fails is left alone while another one is up. */
const COOLDOWN = { baseMs: 1_000, maxMs: 30_000 };
/** How long a cancel may take to be confirmed. */
const CANCEL_TIMEOUT_MS = 2_000;

export interface LinkOptions {
  readonly role: string;
  readonly addresses: readonly Address[];
  readonly secret: Secret;
  readonly log: Log;
  readonly system?: System;
}

export interface LinkCall {
  readonly id: string;
  readonly timeoutMs: number;
  /** The address that may have the answer already: it is asked before all others. */
  readonly affinity?: string;
  /** Is told, where there are several, which address is going to be asked, and is waited for. */
  readonly onChosen?: (address: string) => Promise<void>;
  /** Aborts when the work is not wanted any more: the agent is asked to cancel it. */
  readonly signal?: AbortSignal;
}

/** One address as it stands. */
export type LinkState = {
  readonly address: string;
  /** The name that the agent gives itself; `null` before the first connection. */
  readonly name: string | null;
  readonly up: boolean;
  readonly in_flight: number;
  /** Milliseconds since the agent last answered; `null` where it never did. */
  readonly answered_ms_ago: number | null;
  /** For so long it is left alone, since it has failed. */
  readonly cooldown_ms: number;
  /** Why it is not up. */
  readonly error: string | null;
};

/** A request that is with an agent. */
export interface InFlight {
  readonly id: string;
  /** The name that the agent gives itself. */
  readonly name: string;
  /** For how long. */
  readonly ms: number;
}

/** One address of an agent, and how it stands. */
class Peer {
  client: Client | undefined;
  name: string | null = null;
  error: string | null = "not connected yet";
  answeredAt: number | undefined;
  /** Requests in a row that have failed there. */
  failures = 0;
  cooldownUntil = -Infinity;
  constructor(readonly address: Address) {}

  get place(): string {
    return addressText(this.address);
  }
}

export class Link implements AsyncDisposable {
  readonly #options: LinkOptions;
  readonly #system: System;
  readonly #peers: Peer[];
  readonly #inFlight = new Map<string, { name: string; at: number }>();
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  #connected = Promise.withResolvers<void>();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#system = options.system ?? SYSTEM;
    this.#peers = options.addresses.map((address) => new Peer(address));
    this.#running = Promise.all(this.#peers.map((peer) => this.#keepUp(peer)));
  }

  get role(): string {
    return this.#options.role;
  }

  /** Whether any address can be asked now. */
  get up(): boolean {
    return this.#peers.some(({ client }) => client !== undefined);
  }

  states(): LinkState[] {
    const now = this.#system.clock.now();
    return this.#peers.map(({ place, client, name, error, answeredAt, cooldownUntil }) => ({
      address: place,
      name,
      up: client !== undefined,
      in_flight: client?.inFlight ?? 0,
      answered_ms_ago: answeredAt === undefined ? null : Math.round(now - answeredAt),
      cooldown_ms: Math.max(0, Math.round(cooldownUntil - now)),
      error: client === undefined ? error : null,
    }));
  }

  /** The requests under way whose ids begin with this. */
  inFlight(prefix: string): InFlight[] {
    const now = this.#system.clock.now();
    return [...this.#inFlight].filter(([id]) => id.startsWith(prefix))
      .map(([id, { name, at }]) => ({ id, name, ms: now - at }));
  }

  /**
   * Asks the least busy address of those that have not just failed, or the `holder` where that is up.
   *
   * @throws {CodedError} what the agent answered, or what `Client.call` throws;
   * `agent_unreachable` with `maybeDone: false` where no address is up
   * @throws the signal's reason, where it has aborted before anyone was asked
   */
  async call(type: string, body: JsonObject, options: LinkCall): Promise<JsonObject> {
    const begun = this.#system.clock.now();
    await this.#connection(Math.min(CONNECTION_WAIT_MS, options.timeoutMs));
    const peer = this.#choose(options.affinity);
    if (this.#peers.length > 1) await options.onChosen?.(peer.place);
    options.signal?.throwIfAborted();
    const { client } = peer;
    if (client === undefined) throw this.#unreachable();
    const timeoutMs = options.timeoutMs - (this.#system.clock.now() - begun);
    const cancel = (): void => {
      client.call("cancel", { id: options.id }, { timeoutMs: CANCEL_TIMEOUT_MS })
        .catch(() => {}); // the call itself tells how it ended
    };
    options.signal?.addEventListener("abort", cancel, { once: true });
    const asked = { name: peer.name ?? peer.place, at: this.#system.clock.now() };
    this.#inFlight.set(options.id, asked);
    try {
      const reply = await client.call(type, body, { id: options.id, timeoutMs });
      peer.answeredAt = this.#system.clock.now();
      peer.failures = 0;
      peer.cooldownUntil = -Infinity;
      return reply;
    } catch (error) {
      if (error instanceof CodedError && advice(error.code).retry !== "no") this.#coolDown(peer);
      throw error;
    } finally {
      // Tried again before this attempt was given up, it is the other one's.
      if (this.#inFlight.get(options.id) === asked) this.#inFlight.delete(options.id);
      options.signal?.removeEventListener("abort", cancel);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const { client } of this.#peers) client?.close();
    await this.#running;
  }

  async #connection(waitMs: number): Promise<void> {
    if (this.up) return;
    const waited = sleep(waitMs, this.#stop.signal, this.#system.clock).catch(() => {}); // closed meanwhile
    await Promise.race([this.#connected.promise, waited]);
  }

  #coolDown(peer: Peer): void {
    const { clock, random } = this.#system;
    peer.failures++;
    const ms = COOLDOWN.baseMs + backoffMs(peer.failures, COOLDOWN, random);
    peer.cooldownUntil = clock.now() + ms;
  }

  #choose(holder: string | undefined): Peer {
    const up = this.#peers.filter(({ client }) => client !== undefined);
    if (up.length === 0) throw this.#unreachable();
    const now = this.#system.clock.now();
    const rested = up.filter(({ cooldownUntil }) => cooldownUntil <= now);
    return up.find(({ place }) => place === holder) ??
      (rested.length > 0 ? rested : up).reduce((least, peer) =>
        peer.client!.inFlight < least.client!.inFlight ? peer : least
      );
  }

  #unreachable(): CodedError {
    const why = this.#peers.map(({ error }) => error).join("; ");
    return new CodedError("agent_unreachable", `Cannot reach any ${this.role}: ${why}`, {
      maybeDone: false,
    });
  }

  async #keepUp(peer: Peer): Promise<void> {
    const { role, secret, log } = this.#options;
    const system = this.#system;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        using client = await Client.connect({ address: peer.address, secret, role, system });
        if (signal.aborted) return;
        const since = system.clock.now();
        this.#nowUp(peer, client);
        log("info", "agent_up", { agent: role, agent_name: peer.name, address: peer.place });
        const reason = await this.#watch(peer, client);
        if (signal.aborted) return;
        if (system.clock.now() - since > RECONNECT.maxMs) failures = 0;
        peer.error = reason.message;
        log("warn", "agent_lost", { agent: role, address: peer.place, reason: reason.message });
      } catch (error) {
        const reason = (error as Error).message;
        if (reason !== peer.error) {
          log("warn", "agent_down", { agent: role, address: peer.place, reason });
        }
        peer.error = reason;
      } finally {
        peer.client = undefined;
      }
      failures++;
      const ms = backoffMs(failures, RECONNECT, system.random);
      await sleep(ms, signal, system.clock).catch(() => {}); // closed meanwhile
    }
  }

  #nowUp(peer: Peer, client: Client): void {
    peer.client = client;
    peer.name = client.welcome!.name;
    peer.answeredAt = this.#system.clock.now();
    this.#connected.resolve();
    this.#connected = Promise.withResolvers();
  }

  /** Resolves, with the reason, when the connection has ended. */
  async #watch(peer: Peer, client: Client): Promise<CodedError> {
    let missed = 0;
    const stop = this.#system.clock.every(PING_MS, async () => {
      try {
        await client.call("ping", {}, { timeoutMs: PING_TIMEOUT_MS });
        peer.answeredAt = this.#system.clock.now();
        missed = 0;
      } catch {
        if (++missed < PINGS_MISSED_MAX) return;
        client.close(new CodedError("agent_unreachable", `It has not answered ${missed} pings`));
      }
    });
    try {
      return await client.closed;
    } finally {
      stop();
    }
  }
}
