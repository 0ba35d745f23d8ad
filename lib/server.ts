/**
 * Listens, and holds every connection to its limits.
 *
 * @module
 */
import { CodedError } from "./errors.ts";
import { ExitError } from "./exit.ts";
import type { Log } from "./log.ts";
import { encode, LIMITS, type Limits, PROTOCOL, toWire } from "./protocol.ts";
import { backoffMs, sleep } from "./retry.ts";
import { type Service, Session } from "./session.ts";
import { type Connection, type Listener, type Net, SYSTEM, type System } from "./system.ts";

/** How often the limits in time are looked at. */
const SWEEP_MS = 250;
/** A sweep that comes later than this says that the process stood still, and accuses nobody. */
const STALL_MS = 250;
/** Out of descriptors, say: the loop goes on, and does not spin. */
const ACCEPT_BACKOFF = { baseMs: 20, maxMs: 1000 };

export interface ServerOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly service: Service;
  readonly limits?: Partial<Limits>;
  readonly log: Log;
  readonly system?: System;
}

export class Server implements AsyncDisposable {
  readonly #system: System;
  readonly #listener: Listener;
  readonly #service: Service;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #sessions = new Set<Session>();
  readonly #accepting: Promise<void>;
  /** Ends the looking after. */
  readonly #rest: () => void;
  #sweptAt: number;
  #closing = false;

  /** @throws {ExitError} `port_busy` or `not_permitted` */
  constructor({ hostname, port, service, limits, log, system = SYSTEM }: ServerOptions) {
    this.#system = system;
    this.#listener = listen(system.net, hostname, port);
    this.#service = service;
    this.#limits = { ...LIMITS, ...limits };
    this.#log = log;
    this.#accepting = this.#accept();
    this.#sweptAt = system.clock.now();
    this.#rest = system.clock.every(SWEEP_MS, () => this.#sweep());
  }

  get address(): Deno.NetAddr {
    return this.#listener.addr;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /**
   * Takes no connection and no request any more; resolves when every request is answered, or after
   * `ms`, and all connections are closed.
   */
  async drain(ms: number): Promise<void> {
    this.#stopAccepting();
    const late = new AbortController();
    const drained = Promise.all([...this.#sessions].map((session) => session.drain()));
    await Promise.race([drained, sleep(ms, late.signal, this.#system.clock).catch(() => {})]);
    late.abort();
    await this[Symbol.asyncDispose]();
  }

  /** Ends all connections, whatever is in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopAccepting();
    this.#rest();
    for (const session of this.#sessions) session.close();
    await this.#accepting;
  }

  #stopAccepting(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#listener.close();
  }

  /** By hand: an iterator over the listener ends for good at the first error. */
  async #accept(): Promise<void> {
    let failures = 0;
    while (!this.#closing) {
      try {
        this.#take(await this.#listener.accept());
        failures = 0;
      } catch (error) {
        if (this.#closing) return;
        failures++;
        this.#log("warn", "accept_failed", { reason: String(error), failures });
        const { clock, random } = this.#system;
        const ms = ACCEPT_BACKOFF.baseMs + backoffMs(failures, ACCEPT_BACKOFF, random);
        await sleep(ms, undefined, clock);
      }
    }
  }

  #take(conn: Connection): void {
    const { connections, connections_before_auth } = this.#limits;
    const unknown = [...this.#sessions].filter((session) => !session.known);
    const full = this.#sessions.size >= connections;
    if (full && unknown.length === 0) return turnAway(conn);
    // Who says nothing has to go first, so that nobody is kept out by silence.
    if (full || unknown.length >= connections_before_auth) unknown[0].close(tooMany());
    conn.setNoDelay();
    const session = new Session(conn, this.#service, this.#limits, this.#system.clock);
    this.#sessions.add(session);
    session.run().finally(() => this.#sessions.delete(session));
  }

  #sweep(): void {
    const now = this.#system.clock.now();
    const late = now - this.#sweptAt > SWEEP_MS + STALL_MS;
    this.#sweptAt = now;
    if (late) return;
    for (const session of this.#sessions) {
      const reason = session.overdue(now);
      if (reason === undefined) continue;
      if (session.known) this.#log("warn", "connection_closed", { reason: reason.message });
      session.close(reason);
    }
  }
}

function listen(net: Net, hostname: string, port: number): Listener {
  const place = `${hostname}:${port}`;
  try {
    return net.listen({ hostname, port });
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ExitError(
        "port_busy",
        `Cannot listen on ${place}: another process does; stop that one or choose another port`,
        { cause },
      );
    }
    throw new ExitError("not_permitted", `Cannot listen on ${place}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function tooMany(): CodedError {
  return new CodedError("busy", "Cannot keep this connection: too many are open");
}

function turnAway(conn: Connection): void {
  const reply = { v: PROTOCOL, ok: false, error: toWire(tooMany(), String) } as const;
  conn.write(new TextEncoder().encode(encode(reply))).catch(() => {}).finally(() => conn.close());
}
