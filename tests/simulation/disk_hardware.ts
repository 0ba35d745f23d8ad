import type { Dice } from "../harness/dice.ts";
import { Faults } from "./faults.ts";
import type { Process } from "./process.ts";
import { SimFile } from "./sim_file.ts";
import type { SimNode, SimTree } from "./sim_tree.ts";
import { systemError } from "./system_errors.ts";

const CALL_MS = [0.01, 0.3] as const;
const SYNC_MS = [0.2, 5] as const;
const SLOW_MS = [50, 500] as const;

export type DiskFault =
  /** A call takes 50 to 500 ms. */
  | "slow"
  /** A write takes fewer bytes than it is given. */
  | "shortWrite"
  /** No room: a write takes a part at most, and the next one to this file fails with ENOSPC. */
  | "noSpace"
  /** A sync fails with EIO; content that it was to make durable never will be. */
  | "failedSync";

/** How long things take on a disk, and what goes wrong there. */
export class DiskHardware {
  readonly faults: Faults<DiskFault>;
  /** Where it does, a sync says that it is done and makes nothing durable. */
  lies = false;
  /** Room for the content of all files. */
  capacityBytes = Infinity;
  readonly #dice: Dice;
  readonly #tree: SimTree;
  readonly #full = new WeakSet<SimFile>();

  constructor(dice: Dice, tree: SimTree) {
    this.#dice = dice;
    this.#tree = tree;
    this.faults = new Faults(dice, { slow: 0.002, shortWrite: 0, noSpace: 0, failedSync: 0 });
  }

  call<T>(process: Process, effect: () => T): Promise<T> {
    return this.#call(process, CALL_MS, effect);
  }

  sync(process: Process, node: SimNode): Promise<void> {
    if (this.lies) return Promise.resolve();
    return this.#call(process, SYNC_MS, () => {
      if (this.faults.strikes("failedSync")) {
        if (node instanceof SimFile) node.loseUnsynced();
        throw systemError("EIO");
      }
      if (node instanceof SimFile) node.sync();
      else this.#tree.sync(node);
    });
  }

  /** Gives how many of the bytes were taken. */
  write(file: SimFile, at: number, bytes: Uint8Array): number {
    const most = this.#taken(file, at, bytes.length);
    if (most === 0 && bytes.length > 0) throw systemError("ENOSPC");
    file.write(at, bytes.subarray(0, most));
    return most;
  }

  create(path: string): SimFile {
    if (this.faults.strikes("noSpace")) throw systemError("ENOSPC", `open '${path}'`);
    return this.#tree.create(path);
  }

  #taken(file: SimFile, at: number, length: number): number {
    if (this.#full.delete(file)) return 0;
    if (this.faults.strikes("noSpace")) {
      const most = this.#dice.below(length);
      if (most > 0) this.#full.add(file);
      return most;
    }
    const most = Math.min(length, this.#room(file, at));
    if (most < 2 || !this.faults.strikes("shortWrite")) return most;
    return 1 + this.#dice.below(most - 1);
  }

  /** Bytes that a write at this place may have. */
  #room(file: SimFile, at: number): number {
    if (this.capacityBytes === Infinity) return Infinity;
    let free = this.capacityBytes;
    for (const [, { size }] of this.#tree.files()) free -= size;
    return Math.max(0, free + Math.max(0, file.size - at));
  }

  #call<T>(process: Process, range: readonly [number, number], effect: () => T): Promise<T> {
    const [least, most] = this.faults.strikes("slow") ? SLOW_MS : range;
    const ms = least + this.#dice.next() * (most - least);
    return process.call(ms, this.#dice.next(), effect);
  }
}
