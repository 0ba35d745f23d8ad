/**
 * One address of an agent: keeps a logged-in connection to it up, and remembers how it is doing.
 *
 * A peer's life: it connects, retries with backoff until that succeeds, pings while the connection is
 * up, and starts over when the connection ends. Requests that fail put it into a cooldown, in which
 * its link prefers the agent's other addresses.
 *
 * @module
 */
import { type Address, addressText } from "../address.ts";
import { advice, CodedError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Log } from "../log.ts";
import { backoffMs, sleep } from "../retry.ts";
import type { System } from "../system.ts";
import type { Secret } from "../wire/auth.ts";
import { Client } from "./client.ts";

/**
 * Between two attempts to connect; the name is looked up again each time. A connection that ends
 * sooner than `maxMs` counts as a failed attempt: otherwise a server that accepts and hangs up would
 * be retried at once, and fill the log.
 */
const RECONNECT = { baseMs: 100, maxMs: 2_000 };
/** For this long a new peer may find nobody, without a warning: agents start beside the orchestrator. */
const STARTUP_MS = 10_000;
/** Between two pings, so that an agent that is gone without hanging up is noticed. */
const PING_MS = 10_000;
const PING_TIMEOUT_MS = 10_000;
/** Unanswered pings in a row that end a connection. */
const PINGS_MISSED_MAX = 2;
/** How long a peer whose request failed is avoided while another one is up. */
const COOLDOWN = { baseMs: 1_000, maxMs: 30_000 };
/** How long the agent has to confirm that it cancels a request. */
const CANCEL_TIMEOUT_MS = 2_000;

/** What a peer takes. */
export interface PeerOptions {
  /** The role that the agent must have. */
  readonly role: string;
  readonly secret: Secret;
  readonly log: Log;
  readonly system: System;
  /** Called whenever a connection is up. */
  readonly onUp: () => void;
}

/** A peer as it is reported to users. */
export type PeerState = {
  readonly address: string;
  /** The name that the agent gives itself; `null` before the first connection. */
  readonly name: string | null;
  readonly up: boolean;
  readonly in_flight: number;
  /** Milliseconds since the agent last answered; `null` if it never did. */
  readonly answered_ms_ago: number | null;
  /** Milliseconds for which it is still avoided since a request failed; 0 if it is not. */
  readonly cooldown_ms: number;
  /** Why it is down; `null` while it is up. */
  readonly error: string | null;
};

/** One address of an agent. */
export class Peer implements AsyncDisposable {
  /** As `host:port`. */
  readonly address: string;
  readonly #options: PeerOptions;
  readonly #startedAt: number;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #client: Client | undefined;
  #name: string | null = null;
  #error = "not connected yet";
  /** The reason that the log has for the peer being down. */
  #loggedError: string | undefined;
  #answeredAt: number | undefined;
  #failedInARow = 0;
  #cooldownUntil = -Infinity;

  /** Starts to connect. Dispose it to end that, and the connection. */
  constructor(address: Address, options: PeerOptions) {
    this.address = addressText(address);
    this.#options = options;
    this.#startedAt = this.#now();
    this.#running = this.#keepUp(address);
  }

  /** Whether a request can be sent now. */
  get up(): boolean {
    return this.#client !== undefined;
  }

  /** The name that the agent gives itself, or the address before the first connection. */
  get name(): string {
    return this.#name ?? this.address;
  }

  /** Why there is no connection. */
  get error(): string {
    return this.#error;
  }

  /** Requests that have no reply yet. */
  get inFlight(): number {
    return this.#client?.inFlight ?? 0;
  }

  /** Whether a request failed here so recently that another peer is preferred. */
  get isCoolingDown(): boolean {
    return this.#cooldownUntil > this.#now();
  }

  /** Returns how this peer is doing. */
  state(): PeerState {
    const now = this.#now();
    return {
      address: this.address,
      name: this.#name,
      up: this.up,
      in_flight: this.inFlight,
      answered_ms_ago: this.#answeredAt === undefined ? null : Math.round(now - this.#answeredAt),
      cooldown_ms: Math.max(0, Math.round(this.#cooldownUntil - now)),
      error: this.up ? null : this.#error,
    };
  }

  /**
   * Sends a request and resolves to the body of its reply. A failure that is worth a retry starts a
   * cooldown; a success ends it.
   *
   * @throws {CodedError} what `Client.call` throws; `agent_unreachable` with `maybeDone: false` while
   * the peer is down
   */
  async call(
    type: string,
    body: JsonObject,
    options: { readonly id: string; readonly timeoutMs: number },
  ): Promise<JsonObject> {
    if (this.#client === undefined) {
      const message = `Cannot reach ${this.address}: ${this.#error}`;
      throw new CodedError("agent_unreachable", message, { maybeDone: false });
    }
    try {
      const reply = await this.#client.call(type, body, options);
      this.#answeredAt = this.#now();
      this.#failedInARow = 0;
      this.#cooldownUntil = -Infinity;
      return reply;
    } catch (error) {
      if (error instanceof CodedError && advice(error.code).retry !== "no") this.#coolDown();
      throw error;
    }
  }

  /** Asks the agent to cancel a request. The reply to the request itself tells how it ended. */
  cancel(id: string): void {
    this.#client?.call("cancel", { id }, { timeoutMs: CANCEL_TIMEOUT_MS }).catch(() => {});
  }

  /** Ends the connection, and resolves when no more attempt is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#client?.close();
    await this.#running;
  }

  #now(): number {
    return this.#options.system.clock.now();
  }

  #coolDown(): void {
    this.#failedInARow++;
    const ms = COOLDOWN.baseMs +
      backoffMs(this.#failedInARow, COOLDOWN, this.#options.system.random);
    this.#cooldownUntil = this.#now() + ms;
  }

  async #keepUp(address: Address): Promise<void> {
    const { role, secret, log, system } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        using client = await Client.connect({ address, secret, role, system });
        if (signal.aborted) return;
        const since = this.#now();
        this.#setUp(client);
        log("info", "agent_up", { agent: role, agent_name: this.#name, address: this.address });
        const { message: reason } = await this.#watch(client);
        if (signal.aborted) return;
        if (this.#now() - since > RECONNECT.maxMs) failures = 0;
        this.#error = this.#loggedError = reason;
        log("warn", "agent_lost", { agent: role, address: this.address, reason });
      } catch (error) {
        this.#error = (error as Error).message;
        if (!this.#mayBeStarting(error)) this.#logDown();
      } finally {
        this.#client = undefined;
      }
      failures++;
      const ms = backoffMs(failures, RECONNECT, system.random);
      await sleep(ms, signal, system.clock).catch(() => {}); // disposed meanwhile: the loop ends
    }
  }

  /** Whether an agent that is just being started would fail like this. */
  #mayBeStarting(error: unknown): boolean {
    return this.#name === null && this.#now() - this.#startedAt < STARTUP_MS &&
      error instanceof CodedError && error.code === "agent_unreachable";
  }

  /** Logs why the peer is down, once for each reason. */
  #logDown(): void {
    const { role, log } = this.#options;
    if (this.#error === this.#loggedError) return;
    this.#loggedError = this.#error;
    log("warn", "agent_down", { agent: role, address: this.address, reason: this.#error });
  }

  #setUp(client: Client): void {
    this.#client = client;
    this.#name = client.welcome!.name;
    this.#answeredAt = this.#now();
    this.#options.onUp();
  }

  /** Pings until the connection ends. Resolves to the reason. */
  async #watch(client: Client): Promise<CodedError> {
    let missed = 0;
    const stop = this.#options.system.clock.every(PING_MS, async () => {
      try {
        await client.call("ping", {}, { timeoutMs: PING_TIMEOUT_MS });
        this.#answeredAt = this.#now();
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
