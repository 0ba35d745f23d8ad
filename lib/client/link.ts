/**
 * All addresses of one agent: sends each request to the least busy address that is up. A link never
 * repeats a request, since only its caller knows which requests may be sent twice.
 *
 * @module
 */
import type { Address } from "../address.ts";
import { CodedError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Log } from "../log.ts";
import { sleep } from "../retry.ts";
import { SYSTEM, type System } from "../system.ts";
import type { Secret } from "../wire/auth.ts";
import { Peer, type PeerState } from "./peer.ts";

/** How long a request waits for a connection before it fails. */
const CONNECTION_WAIT_MS = 1_000;

/** What a link takes. */
export interface LinkOptions {
  /** The role that every address must have. */
  readonly role: string;
  readonly addresses: readonly Address[];
  readonly secret: Secret;
  readonly log: Log;
  readonly system?: System;
}

/** How a request is sent. */
export interface LinkCall {
  /** Stays the same when a request is repeated. */
  readonly id: string;
  /** For the connection, the request and its reply together. */
  readonly timeoutMs: number;
  /** The address that may have the answer already, as `host:port`: preferred over all others. */
  readonly affinity?: string;
  /** Called, and awaited, with the chosen address before the request is sent, if there are several. */
  readonly onChosen?: (address: string) => Promise<void>;
  /** Aborts when the result is no longer wanted: the agent is asked to cancel the work. */
  readonly signal?: AbortSignal;
}

/** A request that is with an agent. */
export interface InFlight {
  readonly id: string;
  /** The name that the agent gives itself. */
  readonly name: string;
  /** Milliseconds since it was sent. */
  readonly ms: number;
}

/** All addresses of one agent. */
export class Link implements AsyncDisposable {
  readonly role: string;
  readonly #system: System;
  readonly #peers: readonly Peer[];
  readonly #inFlight = new Map<string, { name: string; at: number }>();
  readonly #stop = new AbortController();
  #connected = Promise.withResolvers<void>();

  /** Starts to connect to every address. Dispose it to end all connections. */
  constructor({ role, addresses, secret, log, system = SYSTEM }: LinkOptions) {
    this.role = role;
    this.#system = system;
    const onUp = (): void => {
      this.#connected.resolve();
      this.#connected = Promise.withResolvers();
    };
    this.#peers = addresses.map((address) =>
      new Peer(address, { role, secret, log, system, onUp })
    );
  }

  /** Whether any address is up. */
  get up(): boolean {
    return this.#peers.some(({ up }) => up);
  }

  /** Returns how each address is doing. */
  states(): PeerState[] {
    return this.#peers.map((peer) => peer.state());
  }

  /** Returns the requests under way whose ids begin with `prefix`. */
  inFlight(prefix: string): InFlight[] {
    const now = this.#system.clock.now();
    return [...this.#inFlight].filter(([id]) => id.startsWith(prefix))
      .map(([id, { name, at }]) => ({ id, name, ms: now - at }));
  }

  /**
   * Sends a request to the address in `affinity` if that is up, otherwise to the least busy address
   * that is not in a cooldown. Waits up to a second for a connection if there is none.
   *
   * @throws {CodedError} what the agent answered, or what `Client.call` throws;
   * `agent_unreachable` with `maybeDone: false` if no address is up
   * @throws the signal's reason, if it aborts before the request is sent
   */
  async call(type: string, body: JsonObject, options: LinkCall): Promise<JsonObject> {
    const { id, affinity, onChosen, signal } = options;
    const { clock } = this.#system;
    const begunAt = clock.now();
    await this.#waitUntilUp(Math.min(CONNECTION_WAIT_MS, options.timeoutMs));
    const peer = this.#choose(affinity);
    if (this.#peers.length > 1) await onChosen?.(peer.address);
    signal?.throwIfAborted();
    const cancel = (): void => peer.cancel(id);
    signal?.addEventListener("abort", cancel, { once: true });
    const entry = { name: peer.name, at: clock.now() };
    this.#inFlight.set(id, entry);
    try {
      return await peer.call(type, body, {
        id,
        timeoutMs: options.timeoutMs - (entry.at - begunAt),
      });
    } finally {
      // A repetition with the same id may have replaced the entry.
      if (this.#inFlight.get(id) === entry) this.#inFlight.delete(id);
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Ends all connections; requests that wait are rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#peers.map((peer) => peer[Symbol.asyncDispose]()));
  }

  /** Resolves when an address is up, after `waitMs` at the latest, or when the link is disposed. */
  async #waitUntilUp(waitMs: number): Promise<void> {
    if (this.up) return;
    const timeout = sleep(waitMs, this.#stop.signal, this.#system.clock).catch(() => {});
    await Promise.race([this.#connected.promise, timeout]);
  }

  #choose(affinity: string | undefined): Peer {
    const up = this.#peers.filter((peer) => peer.up);
    if (up.length === 0) {
      const why = this.#peers.map(({ error }) => error).join("; ");
      const message = `Cannot reach any ${this.role}: ${why}`;
      throw new CodedError("agent_unreachable", message, { maybeDone: false });
    }
    const ready = up.filter((peer) => !peer.isCoolingDown);
    return up.find(({ address }) => address === affinity) ??
      (ready.length > 0 ? ready : up).reduce((best, peer) =>
        peer.inFlight < best.inFlight ? peer : best
      );
  }
}
