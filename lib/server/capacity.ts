/**
 * How many connections a server has room for. Limits say so, until the process runs out of file
 * descriptors: then there is room for three quarters of as many as were open, so that files find
 * descriptors too, and those connections that are told to go and take a while.
 *
 * @module
 */
import type { Limits } from "../wire/limits.ts";

const KEPT = 3 / 4;
/** Of those that gave way so many are held for a while, and no more than a part of all. */
const DISMISSED = { max: 128, part: 1 / 8 };
/** Where so few are open it is not they who took the descriptors. */
const OPEN_MIN = 16;
/** Those that were told to go have gone by then, and whether that is enough can be judged. */
const REST_MS = 3_000;

export class Capacity {
  readonly #limits: Limits;
  #all: number;
  #restsUntil = -Infinity;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#all = limits.connections;
  }

  /** For connections in all. */
  get all(): number {
    return this.#all;
  }

  /** For those that have proved that they hold the secret. */
  get members(): number {
    const { connections, connections_before_auth } = this.#limits;
    return this.#all - Math.floor(this.#all * connections_before_auth / connections);
  }

  /** For those that have not, beside so many that have. */
  newcomers(members: number): number {
    return Math.max(1, Math.min(this.#limits.connections_before_auth, this.#all - members));
  }

  /** For those that gave way to others and are held for a while. */
  get dismissed(): number {
    return Math.min(DISMISSED.max, Math.ceil(this.#all * DISMISSED.part));
  }

  /** Descriptors ran out while so many were `open`; whether there is less room from now on. */
  shrink(open: number, now: number): boolean {
    if (open < OPEN_MIN || now < this.#restsUntil) return false;
    this.#restsUntil = now + REST_MS;
    this.#all = Math.floor(Math.min(open, this.#all) * KEPT);
    return true;
  }
}
