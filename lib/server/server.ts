/**
 * Listens, and holds every connection to its limits.
 *
 * @module
 */
import { Admission } from "./admission.ts";
import { ExitError } from "../exit.ts";
import { AuthFailures } from "./auth_failures.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { LargeLines } from "./large_lines.ts";
import { LIMITS, type Limits, perLimit, tooManyConnections } from "../wire/limits.ts";
import type { Log } from "../log.ts";
import type { JsonObject } from "../json.ts";
import { encode, PROTOCOL, toWire } from "../wire/protocol.ts";
import { backoffMs, sleep } from "../retry.ts";
import { type Host, type Service, Session } from "./session.ts";
import { ThrottledLog } from "../throttled_log.ts";
import { type Connection, type Listener, type Net, SYSTEM, type System } from "../system.ts";
import { isOutOfDescriptors } from "../system_errors.ts";

/** How often the limits in time are looked at. */
const SWEEP_MS = 250;
/** A sweep that comes later than this says that the process stood still, and accuses nobody. */
const STALL_MS = 250;
/**
 * Why a connection can't be accepted that its peer has ended already. It is nobody else's trouble: who
 * waits behind thousands of them would wait for hours if each were taken for one.
 */
const HUNG_UP = [
  Deno.errors.NotConnected,
  Deno.errors.ConnectionAborted,
  Deno.errors.ConnectionReset,
];
/** Out of descriptors, say: the loop goes on, and does not spin. */
const ACCEPT_BACKOFF = { baseMs: 20, maxMs: 1000 };
/** Connections that wait to be accepted: one that finds no place comes again after a second. */
const BACKLOG = 4_096;
/** So many connections are accepted, then the others have a turn. */
const ACCEPTED_AT_ONCE = 32;
/** Bytes that may be held for lines that come, of all connections. */
const HELD_BYTES_MAX = 128 * 1024 * 1024;
/** Characters of replies that may wait to be read, of all connections; more where one may have more. */
const UNREAD_MAX = 32 * 1024 * 1024;

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
  readonly #guesses: AuthFailures;
  readonly #guessing: ThrottledLog;
  readonly #overdue: ThrottledLog;
  /** Each with what resolves when it has ended. */
  readonly #sessions = new Map<Session, Promise<void>>();
  readonly #admission: Admission;
  readonly #inHand = new MemoryBudget();
  readonly #largeLines: LargeLines;
  readonly #struck = perLimit(() => 0);
  /** Bytes that are held for lines that come. */
  #held = 0;
  /** Characters of replies that wait to be read. */
  #unread = 0;
  readonly #accepting: Promise<void>;
  readonly #stopSweeping: () => void;
  #sweptAt: number;
  #closing = false;

  /** @throws {ExitError} `port_busy` or `not_permitted` */
  constructor({ hostname, port, service, limits, log, system = SYSTEM }: ServerOptions) {
    this.#system = system;
    this.#listener = listen(system.net, hostname, port);
    this.#service = {
      ...service,
      answer: async (request, gone) => {
        const body = await service.answer(request, gone);
        return request.type === "stats" ? { ...body, ...this.stats() } : body;
      },
    };
    this.#limits = { ...LIMITS, ...limits };
    this.#log = log;
    this.#admission = new Admission(this.#limits, log, system.clock);
    this.#largeLines = new LargeLines(system.clock);
    this.#guesses = new AuthFailures(system.clock);
    this.#guessing = new ThrottledLog(log, "auth_failure", system.clock);
    this.#overdue = new ThrottledLog(log, "connection_closed", system.clock);
    this.#accepting = this.#accept();
    this.#sweptAt = system.clock.now();
    this.#stopSweeping = system.clock.every(SWEEP_MS, () => this.#sweep());
  }

  get address(): Deno.NetAddr {
    return this.#listener.addr;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Connections, wrong proofs, and how often each limit was broken since the start. */
  stats(): JsonObject {
    const { connections, connections_before_auth } = this.#struck;
    return {
      connections: {
        open: this.#sessions.size,
        authenticated: this.#admission.members,
        rejected: connections + connections_before_auth,
      },
      auth_failures: this.#guesses.count,
      limits: { ...this.#struck },
    };
  }

  /**
   * Takes no connection and no request any more; resolves when every request is answered, or after
   * `ms`, and all connections are closed.
   */
  async drain(ms: number): Promise<void> {
    this.#stopAccepting();
    const late = new AbortController();
    await Promise.race([
      this.#drained(),
      sleep(ms, late.signal, this.#system.clock).catch(() => {}), // drained before that
    ]);
    late.abort();
    await this[Symbol.asyncDispose]();
  }

  /** Ends all connections, whatever is in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopAccepting();
    this.#stopSweeping();
    for (const session of this.#sessions.keys()) session.close();
    this.#largeLines[Symbol.dispose]();
    await this.#accepting;
  }

  async #drained(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((session) => session.drain()));
    for (const session of this.#sessions.keys()) session.close();
    await Promise.all(this.#sessions.values());
  }

  #stopAccepting(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#listener.close();
  }

  /** By hand: an iterator over the listener ends for good at the first error. */
  async #accept(): Promise<void> {
    const { clock, random } = this.#system;
    const failing = new ThrottledLog(this.#log, "accept_failed", clock);
    let failures = 0, accepted = 0, hungUp = 0;
    while (!this.#closing) {
      try {
        const conn = await this.#listener.accept();
        if (this.#closing) return await conn.close();
        this.#take(conn);
        failures = 0;
        if (++accepted % ACCEPTED_AT_ONCE === 0) await sleep(0, undefined, clock);
      } catch (error) {
        if (this.#closing) return;
        if (HUNG_UP.some((kind) => error instanceof kind)) {
          if (++hungUp % ACCEPTED_AT_ONCE === 0) await sleep(0, undefined, clock);
          continue;
        }
        if (isOutOfDescriptors(error)) this.#admission.shrink(this.#sessions.size);
        failures++;
        failing.warn({ reason: String(error) });
        const ms = ACCEPT_BACKOFF.baseMs + backoffMs(failures, ACCEPT_BACKOFF, random);
        await sleep(ms, undefined, clock);
      }
    }
  }

  #take(conn: Connection): void {
    const peer = conn.remoteAddr?.hostname ?? "unknown";
    const full = this.#admission.makeRoom(peer, this.#sessions.size);
    if (full !== undefined) return this.#turnAway(conn, full);
    conn.setNoDelay();
    const host: Host = {
      letIn: () => this.#admission.letIn(session, peer),
      onHello: () => this.#admission.greet(session, peer),
      onWrongProof: () => {
        this.#admission.refuse(session, peer);
        return this.#wrongProof(peer);
      },
      onRefused: () => this.#admission.refuse(session, peer),
      takeInHand: (body, first) => this.#inHand.reserve(body, first),
      takeLine: (bytes, work, gone) => this.#largeLines.take(bytes, work, gone),
      nextBlock: (bytes, gone) => this.#largeLines.nextBlock(bytes, gone),
      onStrike: (limit) => this.#struck[limit]++,
      onNoDescriptors: () => this.#admission.shrink(this.#sessions.size),
      onHeld: (bytes) => this.#countHeld(bytes),
      onUnread: (chars) => this.#countUnread(chars),
    };
    const session = new Session(conn, this.#service, this.#limits, this.#system.clock, host);
    this.#admission.add(session, peer);
    const ended = session.run().finally(() => {
      this.#sessions.delete(session);
      this.#admission.delete(session, peer);
    });
    this.#sessions.set(session, ended);
  }

  /** Where too much is held in all, whoever sends the longest line goes. */
  #countHeld(bytes: number): void {
    this.#held += bytes;
    if (bytes <= 0 || this.#held <= HELD_BYTES_MAX) return;
    this.#struck.line_bytes++;
    this.#closeFirst((session) => session.held);
  }

  /** Where too much waits in all, whoever reads least goes, without a word more to read. */
  #countUnread(chars: number): void {
    this.#unread += chars;
    if (chars <= 0 || this.#unread <= Math.max(UNREAD_MAX, this.#limits.unread_bytes)) return;
    this.#struck.unread_bytes++;
    this.#closeFirst((session) => session.unread);
  }

  /** Ends the connection that has the most of something. */
  #closeFirst(of: (session: Session) => number): void {
    const sessions = [...this.#sessions.keys()];
    sessions.reduce((most, each) => of(each) > of(most) ? each : most).close();
  }

  #turnAway(conn: Connection, limit: "connections" | "connections_before_auth"): void {
    this.#struck[limit]++;
    const error = toWire(tooManyConnections(limit), String);
    const line = encode({ v: PROTOCOL, ok: false, error });
    conn.write(new TextEncoder().encode(line))
      .catch(() => {}) // it has gone by itself
      .finally(() => conn.close());
  }

  /** Gives how many milliseconds its answer is held back. */
  #wrongProof(peer: string): number {
    const { delayMs, inARow } = this.#guesses.add(peer);
    // The 1st, 2nd, 4th, 8th and so on.
    if (Number.isInteger(Math.log2(inARow))) this.#guessing.warn({ peer, in_a_row: inARow });
    return delayMs;
  }

  #sweep(): void {
    const now = this.#system.clock.now();
    this.#admission.closeDismissed();
    const late = now - this.#sweptAt > SWEEP_MS + STALL_MS;
    this.#sweptAt = now;
    if (late) return;
    for (const session of this.#sessions.keys()) {
      const reason = session.overdue(now);
      if (reason === undefined) continue;
      if (session.known) this.#overdue.warn({ reason: reason.message });
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
