import type { Dice } from "../harness/dice.ts";
import { GrowingBytes } from "./growing_bytes.ts";

/** The unit that a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

/** The chance that nothing of a write survives when a power cut tears it. */
const NOTHING_CHANCE = 0.25;
/** The chance that only whole sectors of a torn write survive. */
const SECTORS_CHANCE = 0.5;
/** The chance that sectors are missing within the part of a torn write that survives. */
const HOLE_CHANCE = 0.25;

type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly length: number };

/** The content of a file, without its name: as processes see it, and as it is durable. */
export class SimFile {
  readonly locks = new Map<object, { exclusive: boolean }>();
  #seen = new GrowingBytes();
  #durable = new GrowingBytes();
  /** The changes since the last sync, in order. */
  #unsynced: Change[] = [];

  /** In bytes, as processes see it. */
  get size(): number {
    return this.#seen.length;
  }

  /** Returns a view of the content as processes see it, which is valid until the next change. */
  view(): Uint8Array {
    return this.#seen.view();
  }

  /** Returns a view of the durable content, which is valid until the next change. */
  durableView(): Uint8Array {
    return this.#durable.view();
  }

  /** Writes the bytes at offset `at`, not yet durably. */
  write(at: number, bytes: Uint8Array): void {
    this.#seen.write(at, bytes);
    this.#unsynced.push({ at, bytes: bytes.slice() });
  }

  /** Sets the length in bytes, not yet durably. */
  truncate(length: number): void {
    this.#seen.truncate(length);
    this.#unsynced.push({ length });
  }

  /** Makes all changes durable. */
  sync(): void {
    for (const change of this.#unsynced) this.#apply(change);
    this.#unsynced = [];
  }

  /** Fails a sync: the system regards the written bytes as clean, so they never become durable. */
  loseUnsynced(): void {
    for (const change of this.#unsynced) if ("length" in change) this.#apply(change);
    this.#unsynced = [];
  }

  /** Keeps a random number of the first unsynced changes, and a part of the next change. */
  cutPower(dice: Dice): void {
    const survivors = dice.below(this.#unsynced.length + 1);
    for (const change of this.#unsynced.slice(0, survivors)) this.#apply(change);
    const torn = this.#unsynced.at(survivors);
    if (torn !== undefined && "bytes" in torn) this.#applyTorn(torn.at, torn.bytes, dice);
    this.#unsynced = [];
    this.#seen = new GrowingBytes();
    this.#seen.write(0, this.#durable.view());
  }

  #apply(change: Change): void {
    if ("bytes" in change) this.#durable.write(change.at, change.bytes);
    else this.#durable.truncate(change.length);
  }

  #applyTorn(at: number, bytes: Uint8Array, dice: Dice): void {
    const kind = dice.next();
    let length = kind < NOTHING_CHANCE ? 0 : dice.below(bytes.length + 1);
    if (kind >= 1 - SECTORS_CHANCE) {
      length = Math.max(0, floorToSector(at + length) - at);
    }
    if (length === 0) return;
    const grownFrom = Math.max(at, this.#durable.length);
    this.#durable.write(at, bytes.subarray(0, length));
    if (dice.next() < HOLE_CHANCE) this.#makeHole(grownFrom, at + length, dice);
  }

  /** Zeroes some adjacent sectors, which the file system allocated but never wrote. */
  #makeHole(from: number, end: number, dice: Dice): void {
    if (from >= end) return;
    const first = floorToSector(from);
    const sectors = Math.ceil((end - first) / SECTOR_BYTES);
    const skipped = dice.below(sectors);
    const count = 1 + dice.below(sectors - skipped);
    const start = Math.max(from, first + skipped * SECTOR_BYTES);
    const stop = Math.min(end, first + (skipped + count) * SECTOR_BYTES);
    this.#durable.view().fill(0, start, stop);
  }
}

function floorToSector(at: number): number {
  return at - at % SECTOR_BYTES;
}
