import type { Dice } from "../harness/dice.ts";
import { GrowingBytes } from "./growing_bytes.ts";

export const SECTOR_BYTES = 512;

/** Of the write that a power cut tears: how often nothing of it, or whole sectors, are there. */
const NOTHING_CHANCE = 0.25;
const SECTORS_CHANCE = 0.5;
/** How often sectors are missing in what is there of it. */
const HOLE_CHANCE = 0.25;

type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly length: number };

/** A file's content, whatever its name: as processes see it, and as it is on the platter. */
export class SimFile {
  readonly locks = new Map<object, { exclusive: boolean }>();
  #seen = new GrowingBytes();
  #durable = new GrowingBytes();
  /** What was done since the last sync, in order. */
  #unsynced: Change[] = [];

  get size(): number {
    return this.#seen.length;
  }

  /** A view that holds until the next change. */
  view(): Uint8Array {
    return this.#seen.view();
  }

  durableView(): Uint8Array {
    return this.#durable.view();
  }

  write(at: number, bytes: Uint8Array): void {
    this.#seen.write(at, bytes);
    this.#unsynced.push({ at, bytes: bytes.slice() });
  }

  truncate(length: number): void {
    this.#seen.truncate(length);
    this.#unsynced.push({ length });
  }

  sync(): void {
    for (const change of this.#unsynced) this.#keep(change);
    this.#unsynced = [];
  }

  /** A sync that failed: what was written counts as clean from now on, and never gets durable. */
  loseUnsynced(): void {
    for (const change of this.#unsynced) if ("length" in change) this.#keep(change);
    this.#unsynced = [];
  }

  /** Of what is not synced some first changes survive, and a part of the next one. */
  cutPower(dice: Dice): void {
    const survivors = dice.below(this.#unsynced.length + 1);
    for (const change of this.#unsynced.slice(0, survivors)) this.#keep(change);
    const torn = this.#unsynced.at(survivors);
    if (torn !== undefined && "bytes" in torn) this.#keepTorn(torn.at, torn.bytes, dice);
    this.#unsynced = [];
    this.#seen = new GrowingBytes();
    this.#seen.write(0, this.#durable.view());
  }

  #keep(change: Change): void {
    if ("bytes" in change) this.#durable.write(change.at, change.bytes);
    else this.#durable.truncate(change.length);
  }

  #keepTorn(at: number, bytes: Uint8Array, dice: Dice): void {
    const sort = dice.next();
    let length = sort < NOTHING_CHANCE ? 0 : dice.below(bytes.length + 1);
    if (sort >= 1 - SECTORS_CHANCE) {
      length = Math.max(0, floorToSector(at + length) - at);
    }
    if (length === 0) return;
    const grownFrom = Math.max(at, this.#durable.length);
    this.#durable.write(at, bytes.subarray(0, length));
    if (dice.next() < HOLE_CHANCE) this.#makeHole(grownFrom, at + length, dice);
  }

  /** Some sectors in a row that the file was given, but that were never filled. */
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
