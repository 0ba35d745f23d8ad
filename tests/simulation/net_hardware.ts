import type { Dice } from "../harness/dice.ts";
import { Faults } from "./faults.ts";
import type { Timeline } from "./timeline.ts";

const LATENCY_MS = [0.05, 2] as const;
const SLOW_MS = [20, 300] as const;
const LONG_MS = [1_000, 10_000] as const;
/** The longest time from the end of a partition to the next attempt to send. */
const RETRY_MS_MAX = 1_000;

/** Each fault strikes a chunk: the bytes of one write, which are whole lines. */
export type NetFault =
  /** The chunk takes 20 to 300 ms. */
  | "slow"
  /** The chunk takes 1 to 10 seconds and holds up all chunks after it. */
  | "delay"
  /** The chunk is lost, and neither side notices. */
  | "drop"
  /** The chunk arrives twice. */
  | "duplicate"
  /** The next chunk arrives before this one. */
  | "swap"
  /** The connection is reset instead of sending the chunk. */
  | "reset";

/** The network's state: which hosts are on, which routes are blocked, latency and faults. */
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

  /** Draws how long the next chunk takes. */
  latencyMs(): number {
    if (this.faults.strikes("delay")) return this.#between(LONG_MS);
    return this.#between(this.faults.strikes("slow") ? SLOW_MS : LATENCY_MS);
  }

  /** Whether host `from` can reach host `to`. */
  passes(from: string, to: string): boolean {
    return this.#on.has(to) && !this.#blocked.has(routeOf(from, to));
  }

  /** Calls `retry` once, some time after the result of `passes` may have changed. */
  whenChanged(retry: () => void): void {
    this.#waiting.push(retry);
  }

  /** The host receives from now on. */
  turnOn(host: string): void {
    this.#on.add(host);
    this.#changed();
  }

  /** The host receives nothing from now on. */
  turnOff(host: string): void {
    this.#on.delete(host);
  }

  /** Blocks one direction between two hosts. */
  block(from: string, to: string): void {
    this.#blocked.add(routeOf(from, to));
  }

  /** Unblocks one direction between two hosts. */
  free(from: string, to: string): void {
    if (this.#blocked.delete(routeOf(from, to))) this.#changed();
  }

  /** Unblocks everything. */
  freeAll(): void {
    this.#blocked.clear();
    this.#changed();
  }

  #changed(): void {
    for (const retry of this.#waiting.splice(0)) {
      this.timeline.after(this.#dice.next() * RETRY_MS_MAX, retry);
    }
  }

  #between([min, max]: readonly [number, number]): number {
    return min + this.#dice.next() * (max - min);
  }
}

function routeOf(from: string, to: string): string {
  return `${from} > ${to}`;
}
