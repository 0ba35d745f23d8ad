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
  /** A write takes only a part of its bytes. */
  | "shortWrite"
  /** Disk full: a write takes at most a part, and the next one to the file fails with ENOSPC. */
  | "noSpace"
  /** A sync fails with EIO. The content that it should have made durable never becomes durable. */
  | "failedSync";

/** The latency of a disk's calls, its capacity and its faults. */
export class DiskHardware {
  readonly faults: Faults<DiskFault>;
  /** If true, a sync reports success and makes nothing durable. */
  lies = false;
  /** The size that all files together may reach. */
  capacityBytes = Infinity;
  readonly #dice: Dice;
  readonly #tree: SimTree;
  readonly #full = new WeakSet<SimFile>();

  constructor(dice: Dice, tree: SimTree) {
    this.#dice = dice;
    this.#tree = tree;
    this.faults = new Faults(dice, { slow: 0.002, shortWrite: 0, noSpace: 0, failedSync: 0 });
  }

  /** Applies `effect` after a random latency and returns its result to the process. */
  call<T>(process: Process, effect: () => T): Promise<T> {
    return this.#call(process, CALL_MS, effect);
  }

  /** Makes a file's content, or a folder's names, durable. */
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

  /**
   * Writes at offset `at`, or a part of the bytes if a fault strikes.
   *
   * @returns the number of bytes written
   * @throws ENOSPC if no byte fits
   */
  write(file: SimFile, at: number, bytes: Uint8Array): number {
    const written = this.#writableBytes(file, at, bytes.length);
    if (written === 0 && bytes.length > 0) throw systemError("ENOSPC");
    file.write(at, bytes.subarray(0, written));
    return written;
  }

  /** Creates an empty file; throws ENOSPC if the disk is full. */
  create(path: string): SimFile {
    if (this.faults.strikes("noSpace")) throw systemError("ENOSPC", `open '${path}'`);
    return this.#tree.create(path);
  }

  /** The number of bytes that this write takes. */
  #writableBytes(file: SimFile, at: number, length: number): number {
    if (this.#full.delete(file)) return 0;
    if (this.faults.strikes("noSpace")) {
      const part = this.#dice.below(length);
      if (part > 0) this.#full.add(file);
      return part;
    }
    const fitting = Math.min(length, this.#freeBytes(file, at));
    if (fitting < 2 || !this.faults.strikes("shortWrite")) return fitting;
    return 1 + this.#dice.below(fitting - 1);
  }

  /** The number of bytes that fit on the disk if they are written at offset `at`. */
  #freeBytes(file: SimFile, at: number): number {
    if (this.capacityBytes === Infinity) return Infinity;
    let free = this.capacityBytes;
    for (const [, { size }] of this.#tree.files()) free -= size;
    return Math.max(0, free + Math.max(0, file.size - at));
  }

  #call<T>(process: Process, range: readonly [number, number], effect: () => T): Promise<T> {
    const [min, max] = this.faults.strikes("slow") ? SLOW_MS : range;
    const ms = min + this.#dice.next() * (max - min);
    return process.call(ms, this.#dice.next(), effect);
  }
}
