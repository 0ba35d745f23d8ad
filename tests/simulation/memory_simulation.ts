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
/** The pause after a failed commit. */
const RETRY_MS = 20;

/** The result of one seed. */
export interface MemoryOutcome {
  /** A line for each violation. */
  readonly findings: readonly string[];
  /** The number of acknowledged commits. */
  readonly acknowledged: number;
  /** If it differs between two runs of a seed, the runs were not the same. */
  readonly digest: number;
}

/**
 * Writes to a memory on a failing disk, through several lives of its process. Each life ends by a
 * kill or a power cut; afterwards every acknowledged value must still be there.
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
  /** The last acknowledged value of each key. */
  readonly #acknowledgedValues = new Map<string, number>();
  /** The last value that a writer tried to commit, by key. */
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
        this.#checkError(error);
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
    for (const [key, value] of this.#acknowledgedValues) {
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
        this.#acknowledgedValues.set(key, value);
        this.acknowledged++;
        if (this.#dice.below(100) === 0) await memory.snapshot();
      } catch (error) {
        if (!(error instanceof CodedError || error instanceof Error && "code" in error)) {
          throw error;
        }
        await sleep(RETRY_MS, undefined, clock);
      }
    }
  }

  /** A failing disk may prevent the start; damage in the journal must not. */
  #checkError(error: unknown): void {
    if (error instanceof ExitError && error.reason === "storage_failed") return;
    this.findings.push(String(error));
  }
}

/** The key that is committed together with `key`, so that both change or neither does. */
function twin(key: string): string {
  return `${key} again`;
}
