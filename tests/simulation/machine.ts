import type { Clock, System } from "../../lib/system.ts";
import { Dice } from "../harness/dice.ts";
import { Process } from "./process.ts";
import { SimDisk } from "./sim_disk.ts";
import type { SimNet } from "./sim_net.ts";
import type { Timeline } from "./timeline.ts";

/** The date at which virtual time begins. */
const EPOCH_MS = Date.UTC(2026, 10, 1, 8);
/** The longest start of a process. Its clock already runs before its own code does. */
const START_MS_MAX = 200;

/** What a machine needs to run. */
export interface MachineOptions {
  /** The hostname by which other machines reach it. */
  readonly name: string;
  readonly timeline: Timeline;
  readonly net: SimNet;
  readonly dice: Dice;
}

/**
 * A host that runs one process at a time. It is off until `boot()` starts a process. The process
 * may be paused, and ends by `kill()` or `cutPower()`; then the machine can be booted again.
 */
export class Machine {
  readonly name: string;
  readonly disk: SimDisk;
  readonly #timeline: Timeline;
  readonly #net: SimNet;
  readonly #dice: Dice;
  #process: Process | undefined;
  #dateShiftMs = 0;

  constructor({ name, timeline, net, dice }: MachineOptions) {
    this.name = name;
    this.#timeline = timeline;
    this.#net = net;
    this.#dice = splitDice(dice);
    this.disk = new SimDisk(splitDice(dice));
  }

  /** Whether a process runs, paused or not. */
  get up(): boolean {
    return this.#process !== undefined;
  }

  /** Whether the process is paused. */
  get paused(): boolean {
    return this.#process?.paused ?? false;
  }

  /**
   * Starts a process on the disk as the last one left it.
   *
   * @returns the clock, random numbers, disk and network of the process
   * @throws {TypeError} if a process runs already
   */
  boot(): System {
    if (this.#process !== undefined) {
      throw new TypeError(`A process runs on "${this.name}" already`);
    }
    const process = new Process(this.#timeline);
    const dice = splitDice(this.#dice);
    this.#process = process;
    this.#net.turnOn(this.name);
    return {
      clock: this.#clock(process),
      random: () => dice.next(),
      disk: this.disk.attach(process),
      net: this.#net.attach(this.name, process),
    };
  }

  /** Ends the process at once, as SIGKILL does; the machine stays on. */
  kill(): void {
    if (!this.#end()) return;
    this.disk.kill();
    this.#net.kill(this.name);
  }

  /** Turns the machine off at once, whether a process runs or not. */
  cutPower(): void {
    this.#end();
    this.disk.cutPower();
    this.#net.cutPower(this.name);
  }

  /** Pauses the process, as SIGSTOP does. */
  pause(): void {
    this.#process?.pause();
  }

  /** Continues the process, as SIGCONT does. */
  resume(): void {
    this.#process?.resume();
  }

  /** Sets the time of day forward by `ms`, or back if `ms` is negative. */
  shiftDate(ms: number): void {
    this.#dateShiftMs += ms;
  }

  #end(): boolean {
    const process = this.#process;
    process?.end();
    this.#process = undefined;
    return process !== undefined;
  }

  #clock(process: Process): Clock {
    const timeline = this.#timeline;
    const zero = timeline.now - this.#dice.next() * START_MS_MAX;
    return {
      now: () => timeline.now - zero,
      date: () => new Date(EPOCH_MS + this.#dateShiftMs + timeline.now),
      after: (ms, callback) => process.after(ms, callback),
      every: (ms, callback) => {
        const period = Math.max(1, ms);
        const fire = (): void => {
          cancel = process.after(period, fire);
          callback();
        };
        let cancel = process.after(period, fire);
        return () => cancel();
      },
    };
  }
}

/** Returns independent dice: their throws don't depend on how often `dice` is thrown later. */
function splitDice(dice: Dice): Dice {
  return new Dice(dice.below(2 ** 32));
}
