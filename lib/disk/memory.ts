/**
 * The room `disk`: keys and JSON values that survive a crash.
 *
 * A memory lives in a folder that one process owns (`folder_lock.ts`). Changes enter by `commit()` and
 * are on disk when it resolves; values leave by `get()` and `entries()`. The folder holds:
 *  - `journal-*.ndjson`: every change since the snapshot, one record a line (`journal.ts`, then
 *    `segment.ts` for a file of it and `record.ts` for a line);
 *  - `memory.json`: the snapshot, all entries as they were at one position of the journal
 *    (`snapshot.ts`);
 *  - `reserve`: room that is held back for a full disk (`reserve.ts`).
 *
 * A start reads the snapshot and replays the journal (`read_journal.ts`). A tail that a crash tore is
 * cut off (`torn_tail.ts`); any other damage keeps the memory from opening until `repair.ts` is run.
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

/** A change as it is in the journal; a key alone is a removed key. */
type RecordedChange = [key: string, value: Json] | [key: string];

/** While running, a snapshot is only taken if the journal is larger than this. */
const SNAPSHOT_BYTES_MIN = 16 * 1024 * 1024;
/** And only if the journal is this many times as large as the last snapshot. */
const SNAPSHOT_RATIO = 2;

/** What `Memory.open` takes. */
export interface MemoryOptions {
  /** Is created if it is missing. */
  readonly folder: string;
  readonly role: string;
  readonly log: Log;
  /** Room that is held back for a full disk, in bytes; by default none. */
  readonly reserveBytes?: number;
  /** Called if the disk can't be trusted any more. The process must end with `storage_failed`. */
  readonly onFailed: (error: unknown) => void;
  readonly system?: System;
}

/** Keys and values in a folder. The values must not be changed in place: snapshots share them. */
export class Memory implements AsyncDisposable {
  readonly #options: MemoryOptions;
  readonly #lock: DiskFile;
  #entries: Map<string, Json>;
  #journal!: Journal;
  #reserve: Reserve | undefined;
  /** For each commit that is not on disk yet, the values before it, the oldest commit first. */
  #undo: Changes[] = [];
  #epoch = 0;
  /** A snapshot is taken when the journal has more bytes than this. */
  #snapshotAbove = SNAPSHOT_BYTES_MIN;
  #snapshotting: Promise<void> | undefined;

  private constructor(options: MemoryOptions, lock: DiskFile, entries: Map<string, Json>) {
    this.#options = options;
    this.#lock = lock;
    this.#entries = entries;
  }

  /**
   * Locks the folder for this process and recovers what is in it. The caller disposes of the memory.
   *
   * @throws {ExitError} `locked` if another process has the folder, `not_permitted` if it can't be
   * written, `storage_failed` if the disk fails or is full, `damaged` if recovery would have to guess
   */
  static async open(options: MemoryOptions): Promise<Memory> {
    const { folder, role, log, onFailed, reserveBytes, system = SYSTEM } = options;
    const lock = await lockFolder(folder, system);
    let journal: Journal | undefined;
    try {
      await system.disk.remove(`${folder}/memory.json${TEMPORARY}`).catch(ignoreMissing);
      const { entries, position } = await readSnapshot(`${folder}/memory.json`, role, system.disk);
      const memory = new Memory(options, lock, entries);
      let replayed = 0;
      memory.#journal = journal = await Journal.open({
        folder,
        role,
        after: position,
        replay: (rec) => {
          replayed++;
          for (const [key, value] of changesIn(rec, folder)) set(entries, key, value);
        },
        freeSpace: async () => await memory.#reserve?.release() ?? false,
        onRollback: () => memory.#rollBack(),
        onFailed,
        log,
        system,
      });
      // If it fails, the journal is enough: on a full disk the memory can still be read.
      if (replayed > 0 || position === START) await memory.#trySnapshot();
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

  /** Grows when applied changes are rolled back: values that were read before may be wrong. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the reserve is used up: a commit may find no room, so no new work should begin. */
  get full(): boolean {
    return this.#reserve?.held === false;
  }

  /** Number of keys. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns the value of a key, or `undefined` if there is none. */
  get(key: string): Json | undefined {
    return this.#entries.get(key);
  }

  /** Yields the entries whose key begins with `prefix`, in the order in which the keys were added. */
  *entries(prefix: string): Generator<[string, Json]> {
    for (const entry of this.#entries) if (entry[0].startsWith(prefix)) yield entry;
  }

  /**
   * Applies the changes at once, and resolves when they are on disk, all of them or none.
   *
   * @param lazy nobody waits for the changes: they are written with the next ones, or after 50 ms
   * @throws {CodedError} `storage_full` or `storage_failed`; the changes are rolled back by then
   * @throws {RangeError} if the changes are too large for one record; nothing is changed
   */
  async commit(changes: Changes, options: { lazy?: boolean } = {}): Promise<void> {
    // Comes first: if the journal refuses the record, nothing has changed.
    const durable = this.#journal.append([...changes].map(recorded), options);
    const before = new Map([...changes.keys()].map((key) => [key, this.#entries.get(key)]));
    for (const [key, value] of changes) set(this.#entries, key, value);
    this.#undo.push(before);
    await durable;
    this.#undo.shift();
    if (this.#journal.bytes > this.#snapshotAbove) this.#trySnapshot();
  }

  /** Replaces `memory.json` and removes the part of the journal that it covers. */
  snapshot(): Promise<void> {
    return this.#snapshotting ??= this.#snapshot().finally(() => this.#snapshotting = undefined);
  }

  /** Waits for all commits, takes a snapshot and unlocks the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trySnapshot();
    await this.#journal.close();
    await this.#reserve?.[Symbol.asyncDispose]();
    this.#lock.close();
  }

  /** Takes a snapshot; if that fails, the journal keeps growing. */
  async #trySnapshot(): Promise<void> {
    try {
      await this.snapshot();
    } catch (error) {
      this.#options.log("warn", "snapshot_failed", { reason: String(error) });
    }
  }

  async #snapshot(): Promise<void> {
    const { folder, role, system: { disk } = SYSTEM } = this.#options;
    // If this fails, as on a full disk, the next try comes after as much journal again.
    this.#snapshotAbove = this.#journal.bytes + SNAPSHOT_BYTES_MIN;
    const entries = new Map(this.#entries); // as they are at the rotation, with all queued commits
    const position = await this.#journal.rotate();
    const path = `${folder}/memory.json`;
    await replaceFile(path, encodeSnapshot(role, { entries, position }), disk);
    const { size } = await disk.lstat(path);
    this.#snapshotAbove = Math.max(SNAPSHOT_BYTES_MIN, SNAPSHOT_RATIO * size);
    await this.#journal.removeUpTo(position);
  }

  #rollBack(): void {
    for (const before of this.#undo.splice(0).reverse()) {
      for (const [key, value] of before) set(this.#entries, key, value);
    }
    this.#epoch++;
  }
}

/** Returns the changes in a record. A whole record may still have been written by another program. */
function changesIn(rec: Json, folder: string): RecordedChange[] {
  const isChange = (change: Json): boolean =>
    Array.isArray(change) && typeof change[0] === "string" && change.length <= 2;
  if (Array.isArray(rec) && rec.every(isChange)) return rec as RecordedChange[];
  throw new ExitError("damaged", `Cannot read memory "${folder}": a record is no list of changes`);
}

function recorded([key, value]: [string, Json | undefined]): RecordedChange {
  return value === undefined ? [key] : [key, value];
}

function set(entries: Map<string, Json>, key: string, value: Json | undefined): void {
  if (value === undefined) entries.delete(key);
  else entries.set(key, value);
}
