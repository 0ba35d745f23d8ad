import type { Dice } from "../harness/dice.ts";
import { Faults } from "./faults.ts";
import type { Timeline } from "./timeline.ts";

const LATENCY_MS = [0.05, 2] as const;
const SLOW_MS = [20, 300] as const;
const LONG_MS = [1_000, 10_000] as const;
/** After a way is free again it takes at most this long until it is tried again. */
const RETRY_MS_MAX = 1_000;

/** Each strikes a whole chunk, that is what one write took, and so whole lines. */
export type NetFault =
  /** It takes 20 to 300 ms. */
  | "slow"
  /** It takes 1 to 10 seconds, and what is behind it too. */
  | "delay"
  /** It vanishes, and nobody is told. */
  | "drop"
  /** It arrives twice. */
  | "duplicate"
  /** The one behind it arrives before it. */
  | "swap"
  /** The connection is reset in its place. */
  | "reset";

/** Which ways between hosts are free, how long they take, and what goes wrong there. */
export class NetHardware {
  readonly timeline: Timeline;
  readonly faults: Faults<NetFault>;
  readonly #dice: Dice;
  readonly #on = new Set<string>();
  readonly #blocked = new Set<string>();
  #waiting: (() => void)[] = [];

  constructor(timeline: Timeline, dice: Dice) {
    this.timeline = timeline;
    this.#dice = dice;
    const chance = { slow: 0.005, delay: 0, drop: 0, duplicate: 0, swap: 0, reset: 0 };
    this.faults = new Faults(dice, chance);
  }

  latencyMs(): number {
    if (this.faults.strikes("delay")) return this.#between(LONG_MS);
    return this.#between(this.faults.strikes("slow") ? SLOW_MS : LATENCY_MS);
  }

  /** Whether anything from the one host reaches the other. */
  passes(from: string, to: string): boolean {
    return this.#on.has(to) && !this.#blocked.has(wayOf(from, to));
  }

  /** Calls once, some time after what `passes` says may be another. */
  whenChanged(retry: () => void): void {
    this.#waiting.push(retry);
  }

  turnOn(host: string): void {
    this.#on.add(host);
    this.#changed();
  }

  turnOff(host: string): void {
    this.#on.delete(host);
  }

  block(from: string, to: string): void {
    this.#blocked.add(wayOf(from, to));
  }

  free(from: string, to: string): void {
    if (this.#blocked.delete(wayOf(from, to))) this.#changed();
  }

  freeAll(): void {
    this.#blocked.clear();
    this.#changed();
  }

  #changed(): void {
    for (const retry of this.#waiting.splice(0)) {
      this.timeline.after(this.#dice.next() * RETRY_MS_MAX, retry);
    }
  }

  #between([least, most]: readonly [number, number]): number {
    return least + this.#dice.next() * (most - least);
  }
}

function wayOf(from: string, to: string): string {
  return `${from} > ${to}`;
}
