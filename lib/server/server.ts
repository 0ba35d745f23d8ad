/**
 * Listens, logs peers in, and hands their requests to its owner. Connections enter through
 * `acceptor.ts`, `admission.ts` decides which are kept, and each lives in a `Session`. Start reading
 * here; the contract is in `../wire/PROTOCOL.md`.
 *
 * @module
 */
import { ExitError } from "../exit.ts";
import type { JsonObject } from "../json.ts";
import type { Log } from "../log.ts";
import { sleep } from "../retry.ts";
import { type Connection, type Listener, type Net, SYSTEM, type System } from "../system.ts";
import { isOutOfDescriptors } from "../system_errors.ts";
import { ThrottledLog } from "../throttled_log.ts";
import {
  type LimitName,
  LIMITS,
  type Limits,
  perLimit,
  tooManyConnections,
} from "../wire/limits.ts";
import { Acceptor } from "./acceptor.ts";
import { Admission } from "./admission.ts";
import { AuthFailures } from "./auth_failures.ts";
import { Budgets } from "./budgets.ts";
import { encodeReply } from "./replies.ts";
import { type Service, Session } from "./session.ts";

/** How often the limits in time are checked. */
const SWEEP_MS = 250;
/** If a sweep is this late, the process stood still, and no peer is blamed for that time. */
const STALL_MS = 250;
/** Connections that the kernel queues until they are accepted; a peer beyond them retries after 1 s. */
const BACKLOG = 4_096;
const TOO_MANY = tooManyConnections("connections");

/** What a server takes. */
export interface ServerOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly service: Service;
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  readonly log: Log;
  readonly system?: System;
}

/** Listens on one address until it is drained or disposed of. */
export class Server implements AsyncDisposable {
  readonly #system: System;
  readonly #listener: Listener;
  readonly #service: Service;
  readonly #limits: Limits;
  readonly #authFailures: AuthFailures;
  readonly #authFailureLog: ThrottledLog;
  readonly #closedLog: ThrottledLog;
  /** The open sessions, each with a promise that resolves when it has ended. */
  readonly #sessions = new Map<Session, Promise<void>>();
  readonly #admission: Admission;
  readonly #budgets: Budgets;
  readonly #limitsExceeded = perLimit(() => 0);
  readonly #acceptor: Acceptor;
  readonly #stopSweeping: () => void;
  #sweptAt: number;

  /** @throws {ExitError} `port_busy` or `not_permitted` */
  constructor({ hostname, port, service, limits, log, system = SYSTEM }: ServerOptions) {
    const { clock } = system;
    this.#system = system;
    this.#listener = listen(system.net, hostname, port);
    this.#service = service;
    this.#limits = { ...LIMITS, ...limits };
    this.#admission = new Admission(this.#limits, log, clock);
    this.#budgets = new Budgets(
      this.#limits,
      clock,
      () => this.#sessions.keys(),
      (limit) => this.#limitExceeded(limit),
    );
    this.#authFailures = new AuthFailures(clock);
    this.#authFailureLog = new ThrottledLog(log, "auth_failure", clock);
    this.#closedLog = new ThrottledLog(log, "connection_closed", clock);
    this.#acceptor = new Acceptor({
      listener: this.#listener,
      onConnection: (connection) => this.#open(connection),
      onError: (error) => this.#onError(error),
      log,
      system,
    });
    this.#sweptAt = clock.now();
    this.#stopSweeping = clock.every(SWEEP_MS, () => this.#sweep());
  }

  /** The address that the server listens on. */
  get address(): Deno.NetAddr {
    return this.#listener.addr;
  }

  /** Connections that are open, authenticated or not. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Connections, wrong proofs, and how often each limit was exceeded since the start. */
  stats(): JsonObject {
    const { connections, connections_before_auth } = this.#limitsExceeded;
    return {
      connections: {
        open: this.#sessions.size,
        authenticated: this.#admission.authenticated,
        rejected: connections + connections_before_auth,
      },
      auth_failures: this.#authFailures.count,
      limits: { ...this.#limitsExceeded },
    };
  }

  /**
   * Accepts no connection and no request any more; resolves when every request is answered, or after
   * `ms`, and all connections are closed.
   */
  async drain(ms: number): Promise<void> {
    this.#acceptor.close();
    const late = new AbortController();
    await Promise.race([
      this.#drained(),
      sleep(ms, late.signal, this.#system.clock).catch(() => {}), // drained before that
    ]);
    late.abort();
    await this[Symbol.asyncDispose]();
  }

  /** Closes all connections, whatever is in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#acceptor.close();
    this.#stopSweeping();
    for (const session of this.#sessions.keys()) session.close();
    this.#budgets[Symbol.dispose]();
    await this.#acceptor.ended;
  }

  async #drained(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((session) => session.drain()));
    for (const session of this.#sessions.keys()) session.close();
    await Promise.all(this.#sessions.values());
  }

  #open(connection: Connection): void {
    if (this.#admission.isFull(this.#sessions.size)) return this.#reject(connection);
    const address = connection.remoteAddr?.hostname ?? "unknown";
    connection.setNoDelay();
    const admission = this.#admission;
    const budgets = this.#budgets;
    const session = new Session(connection, this.#service, this.#limits, {
      onHello: () => admission.greeted(session, address),
      onAuthenticated: () => admission.authenticate(session, address),
      onAuthFailure: () => this.#authFailure(address),
      onAnswered: () => admission.answered(session, address),
      onOutOfDescriptors: () => admission.shrink(this.#sessions.size),
      onLimitExceeded: (limit) => this.#limitExceeded(limit),
      reserve: (body, first) => budgets.reserve(body, first),
      takeLine: (bytes, work, ended) => budgets.takeLine(bytes, work, ended),
      nextBlock: (bytes, ended) => budgets.nextBlock(bytes, ended),
      onBuffered: (bytes) => budgets.onBuffered(bytes),
      onUnread: (chars) => budgets.onUnread(chars),
    }, this.#system.clock);
    admission.add(session, address);
    const ended = session.run().finally(() => {
      this.#sessions.delete(session);
      admission.delete(session, address);
    });
    this.#sessions.set(session, ended);
  }

  /** Tells a peer for which there is no room, and hangs up. */
  #reject(connection: Connection): void {
    this.#limitExceeded("connections");
    const line = encodeReply(undefined, TOO_MANY, this.#service.onInternal);
    connection.write(new TextEncoder().encode(line))
      .catch(() => {}) // the peer has hung up itself
      .finally(() => connection.close());
  }

  #onError(error: unknown): void {
    if (isOutOfDescriptors(error)) this.#admission.shrink(this.#sessions.size);
  }

  #limitExceeded(limit: LimitName): void {
    this.#limitsExceeded[limit]++;
  }

  /** Returns for how many milliseconds the reply to a wrong proof is delayed. */
  #authFailure(peer: string): number {
    const { delayMs, inARow } = this.#authFailures.add(peer);
    const isPowerOfTwo = Number.isInteger(Math.log2(inARow));
    if (isPowerOfTwo) this.#authFailureLog.warn({ peer, in_a_row: inARow });
    return delayMs;
  }

  #sweep(): void {
    const now = this.#system.clock.now();
    this.#admission.closeShed();
    const late = now - this.#sweptAt > SWEEP_MS + STALL_MS;
    this.#sweptAt = now;
    if (late) return;
    for (const session of this.#sessions.keys()) {
      const reason = session.overdue(now);
      if (reason === undefined) continue;
      if (session.authenticated) this.#closedLog.warn({ reason: reason.message });
      session.close(reason);
    }
  }
}

function listen(net: Net, hostname: string, port: number): Listener {
  const place = `${hostname}:${port}`;
  try {
    return net.listen({ hostname, port, tcpBacklog: BACKLOG });
  } catch (cause) {
    if (cause instanceof ExitError) throw cause;
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
