/**
 * Keys and JSON values that survive a crash. They live in a folder that one process owns:
 * `memory.json`, the state as it was at some record, and `journal-*.ndjson`, every change since.
 *
 * @module
 */
import { Damage } from "./damage.ts";
import { ExitError } from "../exit.ts";
import { replaceFile, TEMPORARY } from "./atomic_file.ts";
import { Journal } from "./journal.ts";
import type { Log } from "../log.ts";
import type { Json } from "../json.ts";
import { START } from "./record.ts";
import { Reserve } from "./reserve.ts";
import { encodeSnapshot, readSnapshot } from "./snapshot.ts";
import { type DiskFile, SYSTEM, type System } from "../system.ts";
import { ignoreMissing, isFromSystem } from "../system_errors.ts";
import { cannotOpen, lockFolder } from "./folder_lock.ts";

/** New values by key; `undefined` removes the key. */
export type Changes = ReadonlyMap<string, Json | undefined>;

/** As a change stands in the journal; a key alone is a key removed. */
type Written = [key: string, value: Json] | [key: string];

/** Before the journal is as large as this no snapshot is taken while running. */
const SNAPSHOT_BYTES_MIN = 16 * 1024 * 1024;
/** Nor before it is so many times as large as the last snapshot. */
const SNAPSHOT_RATIO = 2;

export interface MemoryOptions {
  /** Is created where it is missing. */
  readonly folder: string;
  readonly role: string;
  readonly log: Log;
  /** Room that is held back for a full disk, in bytes; by default none. */
  readonly reserveBytes?: number;
  /** The disk can't be trusted any more: the process is to end with `storage_failed`. */
  readonly onFailed: (error: unknown) => void;
  readonly system?: System;
}

/** Values that are read must not be changed in place: snapshots share them. */
export class Memory implements AsyncDisposable {
  readonly #options: MemoryOptions;
  readonly #lock: DiskFile;
  #entries: Map<string, Json>;
  #journal!: Journal;
  #reserve: Reserve | undefined;
  /** How to take back what is applied but not on disk yet, oldest first. */
  #pending: Changes[] = [];
  #epoch = 0;
  /** A snapshot is taken when the journal is larger than this. */
  #snapshotAbove = SNAPSHOT_BYTES_MIN;
  #snapshotting: Promise<void> | undefined;

  private constructor(options: MemoryOptions, lock: DiskFile, entries: Map<string, Json>) {
    this.#options = options;
    this.#lock = lock;
    this.#entries = entries;
  }

  /**
   * Takes the folder for this process and recovers what is in it.
   *
   * @throws {ExitError} `locked` where another process has it, `not_permitted` where it can't be
   * written, `damaged` where recovery would have to guess
   */
  static async open(options: MemoryOptions): Promise<Memory> {
    const { folder, role, log, onFailed, reserveBytes, system = SYSTEM } = options;
    const lock = await lockFolder(folder, system);
    let journal: Journal | undefined;
    try {
      await system.disk.remove(`${folder}/memory.json${TEMPORARY}`).catch(ignoreMissing);
      const { entries, mark } = await readSnapshot(`${folder}/memory.json`, role, system.disk);
      const memory = new Memory(options, lock, entries);
      let replayed = 0;
      memory.#journal = journal = await Journal.open({
        folder,
        role,
        after: mark,
        replay: (rec) => {
          replayed++;
          for (const [key, value] of changesIn(rec, folder)) set(entries, key, value);
        },
        makeRoom: async () => await memory.#reserve?.release() ?? false,
        onGivenUp: () => memory.#takeBack(),
        onFailed,
        log,
        system,
      });
      // Without one the journal is enough: on a full disk reads are to go on.
      if (replayed > 0 || mark === START) await memory.#trySnapshot();
      if (reserveBytes !== undefined) {
        memory.#reserve = await Reserve.open(`${folder}/reserve`, reserveBytes, log, system);
      }
      return memory;
    } catch (error) {
      await journal?.close();
      lock.close();
      if (error instanceof Damage) throw error.withRemedy(role);
      throw isFromSystem(error) ? cannotOpen(folder, error) : error;
    }
  }

  /** Grows when changes that were applied are taken back: what was read before may be wrong. */
  get epoch(): number {
    return this.#epoch;
  }

  /** There is no room held back: what is committed now may find none, so nothing new is to begin. */
  get full(): boolean {
    return this.#reserve?.held === false;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Json | undefined {
    return this.#entries.get(key);
  }

  /** Entries whose key begins with `prefix`, in the order in which the keys came. */
  *entries(prefix: string): Generator<[string, Json]> {
    for (const entry of this.#entries) if (entry[0].startsWith(prefix)) yield entry;
  }

  /**
   * Applies the changes at once and resolves when they are on disk, all of them or none.
   *
   * @param lazy nobody waits for them: they go to disk with the next ones, or after 50 ms
   * @throws {CodedError} `storage_full` or `storage_failed`; the changes are taken back by then
   * @throws {RangeError} where the changes are too large for one record; nothing is changed
   */
  async commit(changes: Changes, options: { lazy?: boolean } = {}): Promise<void> {
    // First of all: what it refuses at once has changed nothing.
    const durable = this.#journal.append([...changes].map(written), options);
    const before = new Map([...changes.keys()].map((key) => [key, this.#entries.get(key)]));
    for (const [key, value] of changes) set(this.#entries, key, value);
    this.#pending.push(before);
    await durable;
    this.#pending.shift();
    if (this.#journal.bytes > this.#snapshotAbove) this.#trySnapshot();
  }

  /** Writes `memory.json` anew and drops the journal that it covers. */
  snapshot(): Promise<void> {
    return this.#snapshotting ??= this.#snapshot().finally(() => this.#snapshotting = undefined);
  }

  /** Waits for what is committed, leaves a fresh `memory.json`, and gives the folder free. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trySnapshot();
    await this.#journal.close();
    await this.#reserve?.[Symbol.asyncDispose]();
    this.#lock.close();
  }

  /** Without a new snapshot the journal goes on. */
  async #trySnapshot(): Promise<void> {
    try {
      await this.snapshot();
    } catch (error) {
      this.#options.log("warn", "snapshot_failed", { reason: String(error) });
    }
  }

  async #snapshot(): Promise<void> {
    const { folder, role, system: { disk } = SYSTEM } = this.#options;
    // Should it fail, on a full disk say: the next one is tried when as much has come again.
    this.#snapshotAbove = this.#journal.bytes + SNAPSHOT_BYTES_MIN;
    const entries = new Map(this.#entries); // as it is at the rotation, with all that waits
    const mark = await this.#journal.rotate();
    const path = `${folder}/memory.json`;
    await replaceFile(path, encodeSnapshot(role, { entries, mark }), disk);
    const { size } = await disk.lstat(path);
    this.#snapshotAbove = Math.max(SNAPSHOT_BYTES_MIN, SNAPSHOT_RATIO * size);
    await this.#journal.forget(mark);
  }

  #takeBack(): void {
    for (const before of this.#pending.splice(0).reverse()) {
      for (const [key, value] of before) set(this.#entries, key, value);
    }
    this.#epoch++;
  }
}

/** What a record says, whose checksum is right: whoever wrote it may have been no memory all the same. */
function changesIn(rec: Json, folder: string): Written[] {
  const isChange = (change: Json): boolean =>
    Array.isArray(change) && typeof change[0] === "string" && change.length <= 2;
  if (Array.isArray(rec) && rec.every(isChange)) return rec as Written[];
  throw new ExitError("damaged", `Cannot read memory "${folder}": a record is no list of changes`);
}

function written([key, value]: [string, Json | undefined]): Written {
  return value === undefined ? [key] : [key, value];
}

function set(entries: Map<string, Json>, key: string, value: Json | undefined): void {
  if (value === undefined) entries.delete(key);
  else entries.set(key, value);
}
