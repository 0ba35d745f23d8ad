import { backoffMs } from "../retry.ts";
import type { Clock } from "../system.ts";

/** The longest delay is shorter than the time in which a client connects: it still hears why. */
const DELAY = { baseMs: 200, maxMs: 2_000 };
/** An address is forgotten after this time without a wrong proof. */
const QUIET_MS = 60_000;
/** Addresses that are remembered; beyond them the one that was quiet longest is forgotten. */
const ADDRESSES_MAX = 1_000;

/** Takes the whole delay each time, without jitter. */
const NO_JITTER = (): number => 1;

/** How a wrong proof is to be answered. */
export interface AuthFailure {
  /** The reply waits for this long, in milliseconds. */
  readonly delayMs: number;
  /** Wrong proofs from this address without a minute of quiet, this one included. */
  readonly inARow: number;
}

/**
 * Slows down guessing: each wrong proof of an address is answered later than the one before. Right
 * proofs never wait, so nobody is kept out by another process that guesses from the same address; shown by
 * `tests/lib/server/auth_failures_test.ts`.
 */
export class AuthFailures {
  readonly #clock: Pick<Clock, "now">;
  /** The address that was quiet longest comes first. */
  readonly #byAddress = new Map<string, { inARow: number; at: number }>();
  #count = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Wrong proofs since the start. */
  get count(): number {
    return this.#count;
  }

  /** Counts a wrong proof. */
  add(address: string): AuthFailure {
    const now = this.#clock.now();
    const last = this.#byAddress.get(address);
    const inARow = last === undefined || now - last.at > QUIET_MS ? 1 : last.inARow + 1;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, { inARow, at: now });
    if (this.#byAddress.size > ADDRESSES_MAX) {
      this.#byAddress.delete(this.#byAddress.keys().next().value!);
    }
    this.#count++;
    return { delayMs: backoffMs(inARow, DELAY, NO_JITTER), inARow };
  }
}
