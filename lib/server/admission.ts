/**
 * Which connections a server keeps. The whole policy:
 *  1. Connections that have proved the secret and those that have not yet each have a share of the
 *     room, and never take the other share's.
 *  2. If a share is full, a new connection is let in and another one of the same share is evicted.
 *  3. Evicted is the idlest connection of the address that takes the most: its connections times the
 *     idle time of the idlest. A connection with a request in flight is evicted last.
 *  4. An evicted connection is told `busy` at once and closed 250 ms later. Until then its peer can't
 *     reconnect in its place, or 1,000 peers that reconnect at once would cost all of the processor.
 *  5. If file descriptors run out, the room shrinks to three quarters of what was open.
 *
 * Against peers that take all room to keep others out, with the secret or without. Shown by
 * `tests/lib/server/admission_test.ts`, and by every kind of `deno task siege`.
 *
 * @module
 */
import type { CodedError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../system.ts";
import { type Limits, tooManyConnections } from "../wire/limits.ts";
import { Capacity } from "./capacity.ts";
import { type Evictable, Share } from "./share.ts";

/** From the eviction of a connection to its end. */
const SHED_MS = 250;
/** Evicted and closed connections whose sockets are still open; beyond them new ones are rejected. */
const LINGERING_MAX = 256;

const UNAUTHENTICATED_EVICTED = tooManyConnections("connections_before_auth");
const AUTHENTICATED_EVICTED = tooManyConnections("connections");

/** What admission asks of a connection. */
export interface Admitted extends Evictable {
  /** Tells the peer why its connection is going to be closed. */
  shed(reason: CodedError): void;
  close(): void;
}

/** Decides which connections are kept, by the rules above. */
export class Admission {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #capacity: Capacity;
  readonly #unauthenticated = new Share<Admitted>();
  readonly #authenticated = new Share<Admitted>();
  /** Evicted connections, each with the time of its eviction, oldest first. */
  readonly #shed = new Map<Admitted, number>();

  constructor(limits: Limits, log: Log, clock: Clock) {
    this.#capacity = new Capacity(limits);
    this.#log = log;
    this.#clock = clock;
  }

  /** Connections that have proved the secret. */
  get authenticated(): number {
    return this.#authenticated.size;
  }

  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /** Whether a new connection must be rejected, with `open` sockets that are not closed yet. */
  isFull(open: number): boolean {
    return open >= this.#capacity.all + LINGERING_MAX;
  }

  /** Lets a new connection in; evicts another one if its share is full. */
  add(connection: Admitted, address: string): void {
    if (this.unauthenticated >= this.#capacity.unauthenticated(this.authenticated)) {
      this.#evict(this.#unauthenticated, UNAUTHENTICATED_EVICTED);
    }
    this.#unauthenticated.add(connection, address, this.#clock.now());
  }

  /** Notes that a connection said `hello`. */
  greeted(connection: Admitted, address: string): void {
    this.#unauthenticated.touch(connection, address, this.#clock.now());
  }

  /** Moves a connection that has proved the secret to the other share; evicts one there if it is full. */
  authenticate(connection: Admitted, address: string): void {
    this.#unauthenticated.delete(connection, address);
    if (this.authenticated >= this.#capacity.authenticated) {
      this.#evict(this.#authenticated, AUTHENTICATED_EVICTED);
    }
    this.#authenticated.add(connection, address, this.#clock.now());
  }

  /** Notes that a request of an authenticated connection was answered. */
  answered(connection: Admitted, address: string): void {
    this.#authenticated.touch(connection, address, this.#clock.now());
  }

  /** Forgets a connection that has ended. */
  delete(connection: Admitted, address: string): void {
    this.#unauthenticated.delete(connection, address);
    this.#authenticated.delete(connection, address);
    this.#shed.delete(connection);
  }

  /** Closes the connections that were evicted long enough ago, and the oldest if they are too many. */
  closeShed(): void {
    const now = this.#clock.now();
    for (const [connection, since] of this.#shed) {
      const tooMany = this.#shed.size > this.#capacity.shed;
      if (!tooMany && now - since < SHED_MS) return;
      this.#shed.delete(connection);
      connection.close();
    }
  }

  /**
   * Reacts to a lack of file descriptors while `open` connections were open: lowers the room, and
   * evicts down to it, so that files can be opened again.
   */
  shrink(open: number): void {
    if (!this.#capacity.shrink(open, this.#clock.now())) return;
    const connections = this.#capacity.all;
    this.#log("warn", "out_of_descriptors", { connections, advice: "raise ulimit -n" });
    while (this.authenticated > this.#capacity.authenticated) {
      this.#evict(this.#authenticated, AUTHENTICATED_EVICTED);
    }
    while (this.unauthenticated > this.#capacity.unauthenticated(this.authenticated)) {
      this.#evict(this.#unauthenticated, UNAUTHENTICATED_EVICTED);
    }
  }

  #evict(share: Share<Admitted>, reason: CodedError): void {
    const now = this.#clock.now();
    const evicted = share.evict(now);
    if (evicted === undefined) return;
    evicted.shed(reason);
    this.#shed.set(evicted, now);
    if (this.#shed.size > this.#capacity.shed) this.closeShed();
  }
}
