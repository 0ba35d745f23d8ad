import { CodedError } from "../../lib/errors.ts";
import { ExitError } from "../../lib/exit.ts";
import { Memory } from "../../lib/disk/memory.ts";
import { sleep } from "../../lib/retry.ts";
import type { System } from "../../lib/system.ts";
import { Dice } from "../harness/dice.ts";
import { Machine } from "./machine.ts";
import { SimNet } from "./sim_net.ts";
import { Timeline } from "./timeline.ts";

const LIVES = 8;
const LIFE_MS = 300;
const WRITERS = 3;
const RESERVE_BYTES = 64 * 1024;
/** From a refusal to the next try. */
const REFUSED_MS = 20;

export interface MemoryOutcome {
  readonly findings: readonly string[];
  readonly acknowledged: number;
  readonly digest: number;
}

/**
 * Writes to a memory through several lives of its process, each ended by a kill or a power cut, on a
 * disk that fails; after each of them what was acknowledged must be there.
 */
export async function simulateMemory(seed: number, unfaithful = false): Promise<MemoryOutcome> {
  const run = new MemoryRun(seed, unfaithful);
  await run.live();
  return run;
}

class MemoryRun implements MemoryOutcome {
  readonly findings: string[] = [];
  acknowledged = 0;
  readonly #timeline = new Timeline();
  readonly #dice: Dice;
  readonly #machine: Machine;
  /** By key, the last value that was acknowledged, and the last that was tried. */
  readonly #kept = new Map<string, number>();
  readonly #tried = new Map<string, number>();
  #values = 0;

  constructor(seed: number, unfaithful: boolean) {
    this.#dice = new Dice(seed);
    const split = (): Dice => new Dice(this.#dice.below(2 ** 32));
    const timeline = this.#timeline;
    const net = new SimNet(timeline, split());
    this.#machine = new Machine({ name: "machine", timeline, net, dice: split() });
    this.#machine.disk.unfaithful = unfaithful;
  }

  get digest(): number {
    return this.#timeline.digest;
  }

  async live(): Promise<void> {
    for (let life = 0; life < LIVES && this.findings.length === 0; life++) {
      this.#breakDisk();
      let over = false;
      const end = (): void => void (over = true);
      this.#write(this.#machine.boot()).then(end, (error) => {
        end();
        this.#judge(error);
      });
      this.#timeline.after(this.#dice.next() * LIFE_MS, end);
      await this.#timeline.run(() => over, 2 * LIFE_MS);
      if (this.#dice.below(2) === 0) this.#machine.kill();
      else this.#machine.cutPower();
    }
  }

  #breakDisk(): void {
    const { faults } = this.#machine.disk;
    faults.calm();
    if (this.#dice.below(3) === 0) faults.chance.shortWrite = 0.3;
    if (this.#dice.below(3) === 0) faults.chance.noSpace = 0.05;
    if (this.#dice.below(4) === 0) faults.chance.failedSync = 0.01;
  }

  async #write(system: System): Promise<void> {
    const failed = Promise.withResolvers<void>();
    const memory = await Memory.open({
      folder: "memory",
      role: "writer",
      log: () => {},
      reserveBytes: RESERVE_BYTES,
      onFailed: () => failed.resolve(),
      system,
    });
    for (const [key, value] of this.#kept) {
      const found = Number(memory.get(key) ?? 0);
      if (found < value || found > this.#tried.get(key)!) {
        this.findings.push(`${key} is ${found}, and ${value} was acknowledged`);
      }
      const other = memory.get(twin(key));
      if (other !== found) this.findings.push(`${key} is ${found}, and its twin is ${other}`);
    }
    const writers = Array.from({ length: WRITERS }, (_, at) => this.#writer(memory, at, system));
    await Promise.race([failed.promise, Promise.all(writers)]);
  }

  async #writer(memory: Memory, number: number, { clock }: System): Promise<void> {
    const key = `writer ${number}`;
    while (true) {
      const value = ++this.#values;
      this.#tried.set(key, value);
      try {
        await memory.commit(new Map([[key, value], [twin(key), value]]));
        this.#kept.set(key, value);
        this.acknowledged++;
        if (this.#dice.below(100) === 0) await memory.snapshot();
      } catch (error) {
        if (!(error instanceof CodedError || error instanceof Error && "code" in error)) {
          throw error;
        }
        await sleep(REFUSED_MS, undefined, clock);
      }
    }
  }

  /** A disk that fails may keep it from starting; damage never. */
  #judge(error: unknown): void {
    if (error instanceof ExitError && error.reason === "storage_failed") return;
    this.findings.push(String(error));
  }
}

/** A key that changes together with this one, or not at all. */
function twin(key: string): string {
  return `${key} again`;
}
