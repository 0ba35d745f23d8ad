import type { Log } from "../log.ts";
import { type Clock, type Disk, SYSTEM } from "../system.ts";
import { ignoreMissing, isDiskFull } from "../system_errors.ts";
import { cannotOpen } from "./folder_lock.ts";
import { writeAll } from "../write_all.ts";

/** The reserve of each role. */
export const RESERVE_BYTES = 4 * 1024 * 1024;
/** The smallest reserve, on a small disk. */
const RESERVE_BYTES_MIN = 64 * 1024;
const RETRY_MS = 1_000;
const BLOCK_BYTES = 64 * 1024;

/**
 * Room on the disk that is held back, so that running work can be recorded when the disk is full.
 *
 * It is held from the start. When a write finds no room, the reserve is released. From then on the
 * owner refuses new work. Once a second the reserve tries to take its room back.
 */
export class Reserve implements AsyncDisposable {
  readonly #path: string;
  readonly #log: Log;
  readonly #disk: Disk;
  readonly #clock: Clock;
  #bytes: number;
  #held = false;
  #filling: Promise<void> | undefined;
  /** Cancels the next try. */
  #cancelRetry: (() => void) | undefined;
  /** Number of `release()` calls: a fill stops if it grows meanwhile. */
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
   * Holds `bytes` in the file at `path`; if the disk has no room for them, half of that, and so on.
   * The caller has locked the folder.
   *
   * @throws {ExitError} `not_permitted` if there is something other than a plain file
   */
  static async open(path: string, bytes: number, log: Log, system = SYSTEM): Promise<Reserve> {
    const stat = await system.disk.lstat(path).catch(ignoreMissing);
    if (stat?.isFile === false) {
      throw cannotOpen(path, new TypeError("it is not a plain file"));
    }
    const reserve = new Reserve(path, bytes, log, system);
    if (stat?.size === bytes) reserve.#held = true;
    else {
      // The file may be a hard link to a file of somebody else, so it is not overwritten.
      if (stat !== undefined) await system.disk.remove(path);
      await reserve.#fillAtStart();
    }
    return reserve;
  }

  /** Whether the room is held back. */
  get held(): boolean {
    return this.#held;
  }

  /** Frees the room. Returns whether there was any. */
  async release(): Promise<boolean> {
    this.#releases++;
    const wasFilling = this.#filling !== undefined;
    await this.#filling; // the fill sees `#releases` and frees what it has
    if (!this.#held) return wasFilling;
    this.#held = false;
    try {
      await this.#empty();
    } catch (error) {
      this.#log("warn", "reserve_stuck", { path: this.#path, reason: String(error) });
      return false;
    } finally {
      this.#retryLater();
    }
    this.#log("warn", "reserve_released", { path: this.#path, bytes: this.#bytes });
    return true;
  }

  /** Ends the tries. A held reserve stays for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#filling;
  }

  /**
   * Halves the reserve until it fits. Only at the start: if later tries did so too, each time the disk
   * is full would leave a smaller reserve.
   */
  async #fillAtStart(): Promise<void> {
    const wanted = this.#bytes;
    while (!(await this.#fill()) && this.#bytes / 2 >= RESERVE_BYTES_MIN) this.#bytes /= 2;
    if (this.#held && this.#bytes < wanted) {
      this.#log("warn", "reserve_small", { path: this.#path, bytes: this.#bytes, wanted });
    }
    if (this.#held) return;
    this.#log("warn", "reserve_missing", { path: this.#path, wanted });
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#clock.after(RETRY_MS, () => {
      this.#filling = this.#retry().finally(() => this.#filling = undefined);
    });
  }

  async #retry(): Promise<void> {
    if (await this.#fill()) {
      this.#log("info", "reserve_held", { path: this.#path, bytes: this.#bytes });
    } else {
      this.#retryLater();
    }
  }

  /** Writes the whole file, or leaves it empty. Returns whether it is on disk. */
  async #fill(): Promise<boolean> {
    const releases = this.#releases;
    try {
      using file = await this.#disk.open(this.#path, { create: true, write: true });
      try {
        await file.truncate(0);
        const block = new Uint8Array(BLOCK_BYTES);
        for (let at = 0; at < this.#bytes; at += block.length) {
          if (this.#closed || this.#releases > releases) {
            throw new Error("The fill was stopped");
          }
          crypto.getRandomValues(block); // zeros take no room if the file system compresses
          await writeAll(file, block.subarray(0, this.#bytes - at));
        }
        await file.sync();
        if (this.#releases > releases) throw new Error("The fill was stopped");
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
