/**
 * How long whoever shows a wrong proof waits for its answer: longer each time, and forgotten after a
 * while. Only wrong answers wait, so that nobody who holds the secret is kept out by someone else who
 * guesses from the same address.
 *
 * @module
 */
import { backoffMs } from "../retry.ts";
import type { Clock } from "../system.ts";

/** Ends below the time that a client takes to connect, so that it still hears why it was refused. */
const DELAY = { baseMs: 200, maxMs: 2_000 };
/** An address from which nothing wrong came for so long begins anew. */
const QUIET_MS = 60_000;
/** Addresses that are remembered; beyond them the one that was quiet for longest is forgotten. */
const ADDRESSES_MAX = 1_000;

/** The whole delay each time. */
const NO_DICE = (): number => 1;

/** A wrong proof, as it is to be answered. */
export interface AuthFailure {
  /** Hold the answer back for so long. */
  readonly delayMs: number;
  /** How many came from this address without a minute of quiet. */
  readonly inARow: number;
}

export class AuthFailures {
  readonly #clock: Pick<Clock, "now">;
  /** The one that was quiet for longest comes first. */
  readonly #byAddress = new Map<string, { inARow: number; at: number }>();
  #count = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Wrong proofs since the start. */
  get count(): number {
    return this.#count;
  }

  /** Takes note of a wrong proof. */
  add(address: string): AuthFailure {
    const now = this.#clock.now();
    const before = this.#byAddress.get(address);
    const inARow = before === undefined || now - before.at > QUIET_MS ? 1 : before.inARow + 1;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, { inARow, at: now });
    if (this.#byAddress.size > ADDRESSES_MAX) {
      this.#byAddress.delete(this.#byAddress.keys().next().value!);
    }
    this.#count++;
    return { delayMs: backoffMs(inARow, DELAY, NO_DICE), inARow };
  }
}
