/**
 * Room on the disk that is held back, so that on a full one what already runs can still be recorded.
 *
 * It is held from the start. When a write finds no room it is given free, and new work is refused
 * until there is room for it again, which is looked for once a second.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { type Clock, type Disk, SYSTEM } from "../system.ts";
import { ignoreMissing, isDiskFull } from "../system_errors.ts";
import { cannotOpen } from "./folder_lock.ts";
import { writeAll } from "../write_all.ts";

/** What a role holds back. */
export const RESERVE_BYTES = 4 * 1024 * 1024;
/** On a small disk it may be smaller, but not than this. */
const RESERVE_BYTES_MIN = 64 * 1024;
const RETRY_MS = 1_000;
/** Random, since file systems that compress would hold back nothing for zeros. */
const BLOCK_BYTES = 64 * 1024;

export class Reserve implements AsyncDisposable {
  readonly #path: string;
  readonly #log: Log;
  readonly #disk: Disk;
  readonly #clock: Clock;
  #bytes: number;
  #held = false;
  #filling: Promise<void> | undefined;
  /** Takes the next try back. */
  #stop: (() => void) | undefined;
  /** Increases when what is being filled is wanted back. */
  #releases = 0;
  #closed = false;

  private constructor(path: string, bytes: number, log: Log, { disk, clock } = SYSTEM) {
    this.#path = path;
    this.#bytes = bytes;
    this.#log = log;
    this.#disk = disk;
    this.#clock = clock;
  }

  /**
   * Holds `bytes` in the file at `path`; where the disk has no room for them half as many, and so
   * on. Whoever opens it has its folder.
   *
   * @throws {ExitError} `not_permitted` where something else than a plain file is there
   */
  static async open(path: string, bytes: number, log: Log, system = SYSTEM): Promise<Reserve> {
    const stat = await system.disk.lstat(path).catch(ignoreMissing);
    if (stat?.isFile === false) {
      throw cannotOpen(path, new TypeError("it is not a plain file"));
    }
    const reserve = new Reserve(path, bytes, log, system);
    if (stat?.size === bytes) reserve.#held = true;
    else {
      // Anew: what is there may be a hard link to something that is not ours to overwrite.
      if (stat !== undefined) await system.disk.remove(path);
      await reserve.#begin();
    }
    return reserve;
  }

  /** Whether the room is held back. */
  get held(): boolean {
    return this.#held;
  }

  /** Gives the room free; whether there was any to give. */
  async release(): Promise<boolean> {
    this.#releases++;
    const wasFilling = this.#filling !== undefined;
    await this.#filling; // it sees `#releases`, and gives free what it has
    if (!this.#held) return wasFilling;
    this.#held = false;
    try {
      await this.#empty();
    } catch (error) {
      this.#log("warn", "reserve_stuck", { path: this.#path, reason: String(error) });
      return false;
    } finally {
      this.#later();
    }
    this.#log("warn", "reserve_released", { path: this.#path, bytes: this.#bytes });
    return true;
  }

  /** What is held stays for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#stop?.();
    await this.#filling;
  }

  /** At the start a smaller one is taken; later on only the same, or it would melt away in steps. */
  async #begin(): Promise<void> {
    const wanted = this.#bytes;
    while (!(await this.#fill()) && this.#bytes / 2 >= RESERVE_BYTES_MIN) this.#bytes /= 2;
    if (this.#held && this.#bytes < wanted) {
      this.#log("warn", "reserve_small", { path: this.#path, bytes: this.#bytes, wanted });
    }
    if (this.#held) return;
    this.#log("warn", "reserve_missing", { path: this.#path, wanted });
    this.#later();
  }

  #later(): void {
    if (this.#closed) return;
    this.#stop?.();
    this.#stop = this.#clock.after(RETRY_MS, () => {
      this.#filling = this.#again().finally(() => this.#filling = undefined);
    });
  }

  async #again(): Promise<void> {
    if (await this.#fill()) {
      this.#log("info", "reserve_held", { path: this.#path, bytes: this.#bytes });
    } else {
      this.#later();
    }
  }

  /** All of it on disk, or nothing. */
  async #fill(): Promise<boolean> {
    const releases = this.#releases;
    try {
      using file = await this.#disk.open(this.#path, { create: true, write: true });
      try {
        await file.truncate(0);
        const block = new Uint8Array(BLOCK_BYTES);
        for (let at = 0; at < this.#bytes; at += block.length) {
          if (this.#closed || this.#releases > releases) throw new Error("It is wanted elsewhere");
          crypto.getRandomValues(block);
          await writeAll(file, block.subarray(0, this.#bytes - at));
        }
        await file.sync();
        if (this.#releases > releases) throw new Error("It is wanted elsewhere");
        return this.#held = true;
      } catch (error) {
        await file.truncate(0);
        throw error;
      }
    } catch (error) {
      const expected = this.#closed || this.#releases > releases || isDiskFull(error);
      if (!expected) this.#log("warn", "reserve_failed", { reason: String(error) });
      return false;
    }
  }

  async #empty(): Promise<void> {
    using file = await this.#disk.open(this.#path, { write: true });
    await file.truncate(0);
    await file.sync();
  }
}
