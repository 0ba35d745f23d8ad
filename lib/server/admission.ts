/**
 * Which connections a server keeps: those that have proved that they hold the secret, and newcomers,
 * each as many as there is room for; and those that are on their way out.
 *
 * @module
 */
import type { CodedError } from "../errors.ts";
import { type Limits, tooManyConnections } from "../wire/limits.ts";
import type { Log } from "../log.ts";
import { Authenticated, type Member } from "./authenticated.ts";
import { Unauthenticated } from "./unauthenticated.ts";
import { Capacity } from "./capacity.ts";
import type { Clock } from "../system.ts";

/**
 * Beyond so many newcomers who is refused is held for so long: of those who come again at once,
 * however often they are refused, each would make the work of many.
 */
const REFUSED = { beyond: 64, heldMs: 1_000 };
/** So are those that gave way to others, for half a second at most and while there is room for them. */
const DISMISSED_MS = 250;
/** Connections that were told to go and have not ended; beyond that new ones wait for nothing. */
const GOING_MAX = 256;
const NEWCOMER_GIVES_WAY = tooManyConnections("connections_before_auth");
const MEMBER_GIVES_WAY = tooManyConnections("connections");

/** What is asked of a connection. */
export interface Admitted extends Member {
  /** Tells it that it gives way; whether it ends by itself is up to its peer. */
  dismiss(reason: CodedError): void;
  close(reason: CodedError): void;
}

export class Admission {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #room: Capacity;
  readonly #newcomers = new Unauthenticated<Admitted>();
  readonly #members = new Authenticated<Admitted>();
  /** Those that gave way to others, since when, the first one in front. */
  readonly #dismissed = new Map<Admitted, number>();

  constructor(limits: Limits, log: Log, clock: Clock) {
    this.#room = new Capacity(limits);
    this.#log = log;
    this.#clock = clock;
  }

  /** Those that have proved that they hold the secret. */
  get members(): number {
    return this.#members.count;
  }

  /**
   * Makes room for a newcomer from this address, beside so many connections that are `open`.
   *
   * @returns the limit that leaves no room for it, if one does
   */
  makeRoom(address: string, open: number): "connections" | "connections_before_auth" | undefined {
    if (open >= this.#room.all + GOING_MAX) return "connections";
    if (this.#newcomers.count < this.#room.newcomers(this.members)) return undefined;
    const first = this.#newcomers.makeRoomFor(address, this.#clock.now());
    if (first === undefined) return "connections_before_auth";
    this.#dismiss(first);
    return undefined;
  }

  add(one: Admitted, address: string): void {
    this.#newcomers.add(one, address, this.#clock.now());
  }

  /** Takes note that it has said hello. */
  greet(one: Admitted, address: string): void {
    this.#newcomers.greet(one, address, this.#clock.now());
  }

  /** Takes note that its connection ends; gives how many milliseconds that end is held back. */
  refuse(one: Admitted, address: string): number {
    this.#newcomers.refuse(one, address);
    return this.#newcomers.count > REFUSED.beyond ? REFUSED.heldMs : 0;
  }

  /** Whoever proves himself leaves the newcomers, and takes another's place where there is no room. */
  letIn(one: Admitted, address: string): void {
    this.#newcomers.delete(one, address);
    if (this.members >= this.#room.members) this.#sendMemberAway();
    this.#members.add(one, address);
  }

  /** Its connection has ended. */
  delete(one: Admitted, address: string): void {
    this.#newcomers.delete(one, address);
    this.#members.delete(one, address);
    this.#dismissed.delete(one);
  }

  /**
   * Descriptors ran out beside so many connections that are `open`: so many go, and no more are let in
   * from now on, that files find some again.
   */
  shrink(open: number): void {
    const now = this.#clock.now();
    if (!this.#room.shrink(open, now)) return;
    this.#log("warn", "out_of_descriptors", {
      connections: this.#room.all,
      advice: "raise ulimit -n",
    });
    while (this.members > this.#room.members) this.#sendMemberAway();
    while (this.#newcomers.count > this.#room.newcomers(this.members)) {
      this.#newcomers.makeRoomFor("anyone", now)?.close(NEWCOMER_GIVES_WAY);
    }
  }

  /** Ends those that gave way long enough ago, and the first one where there are too many. */
  closeDismissed(): void {
    const now = this.#clock.now();
    for (const [one, since] of this.#dismissed) {
      const tooMany = this.#dismissed.size > this.#room.dismissed;
      if (!tooMany && now - since < DISMISSED_MS) return;
      this.#dismissed.delete(one);
      one.close(NEWCOMER_GIVES_WAY);
    }
  }

  #sendMemberAway(): void {
    this.#members.makeRoom()?.close(MEMBER_GIVES_WAY);
  }

  /** Tells a newcomer that it gives way; it ends by itself, or after a while. */
  #dismiss(one: Admitted): void {
    one.dismiss(NEWCOMER_GIVES_WAY);
    this.#dismissed.set(one, this.#clock.now());
    if (this.#dismissed.size > this.#room.dismissed) this.closeDismissed();
  }
}
