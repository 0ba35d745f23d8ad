import type { Limits } from "../wire/limits.ts";

/** What stays of the open connections when file descriptors run out: the rest is for files. */
const KEPT_SHARE = 3 / 4;
/** Evicted connections hold descriptors while they wait, so they are bounded. */
const SHED = { max: 128, share: 1 / 8 };
/** With fewer open connections it is something else that took the descriptors. */
const OPEN_MIN = 16;
/** Evicted connections have closed by then, so it can be judged whether more must go. */
const REST_MS = 3_000;

/**
 * How many connections a server has room for: as many as its limits say, until the process runs out
 * of file descriptors; from then on three quarters of those that were open. Against a crowd that takes
 * every descriptor, so that no file can be opened; shown by `tests/lib/server/admission_test.ts` and by
 * `deno task siege` with 1,024 descriptors.
 */
export class Capacity {
  readonly #limits: Limits;
  #all: number;
  #restsUntil = -Infinity;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#all = limits.connections;
  }

  /** Connections in all. */
  get all(): number {
    return this.#all;
  }

  /** Connections that have proved the secret. */
  get authenticated(): number {
    const { connections, connections_before_auth } = this.#limits;
    return this.#all - Math.floor(this.#all * connections_before_auth / connections);
  }

  /** Connections that have not proved the secret, beside `authenticated` that have. */
  unauthenticated(authenticated: number): number {
    return Math.max(1, Math.min(this.#limits.connections_before_auth, this.#all - authenticated));
  }

  /** Evicted connections that wait to be closed. */
  get shed(): number {
    return Math.min(SHED.max, Math.ceil(this.#all * SHED.share));
  }

  /**
   * Lowers the capacity, since file descriptors ran out with `open` connections.
   *
   * @param now in milliseconds
   * @returns whether it is lower now
   */
  shrink(open: number, now: number): boolean {
    if (open < OPEN_MIN || now < this.#restsUntil) return false;
    this.#restsUntil = now + REST_MS;
    this.#all = Math.floor(Math.min(open, this.#all) * KEPT_SHARE);
    return true;
  }
}
