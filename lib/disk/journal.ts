/**
 * An append-only log of JSON records that is on disk before it says so.
 *
 * What must hold:
 *  1. A record's promise resolves only after the record is synced. Records that wait while a sync
 *     runs are written and synced together (group commit).
 *  2. After a write that failed the file ends at its last whole record, and every record that was
 *     waiting is rejected: later ones may build on it.
 *  3. A sync that failed is never tried again, since the kernel may have dropped what it could not
 *     write. Nothing is accepted any more; the next start recovers from what is on disk.
 *  4. What is read back at the start is on disk before anything is built on it: it may lie in the
 *     system's memory alone, after a crash as after a sync that failed.
 *  5. Only the tail of the last segment that was used may be incomplete. It is cut off and kept aside,
 *     as the newest few are. Damage anywhere else stops the start.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { CodedError } from "../errors.ts";
import { syncFolder } from "./atomic_file.ts";
import type { Log } from "../log.ts";
import type { Json } from "../json.ts";
import { readJournal } from "./read_journal.ts";
import { encodeRecord, type JournalPosition, RECORD_BYTES_MAX } from "./record.ts";
import { findSegments, type NewSegment, newSegment, type Segment } from "./segment.ts";
import { SegmentWriter } from "./segment_writer.ts";
import { type Disk, SYSTEM, type System } from "../system.ts";
import { isDiskFull } from "../system_errors.ts";
import { cutTornTail } from "./torn_tail.ts";

/** A record that nobody waits for is on its way to disk at the latest after this time. */
const LAZY_MS = 50;
/** A UTF-16 unit never takes more in UTF-8. */
const UTF8_BYTES_MAX = 3;
/** At least as long as what stands around a record in its line. */
const ENVELOPE_BYTES = 64;

export interface JournalOptions {
  /** Folder of the segments; it exists. */
  readonly folder: string;
  /** Whose journal this is; a segment of another name is refused. */
  readonly role: string;
  /** Records up to this one are known already, from a snapshot. */
  readonly after: JournalPosition;
  /** Is given each later record, in order, while the journal opens. */
  readonly replay: (rec: Json) => void;
  /** Gives room free on a full disk, and tells whether there was any; by default there is none. */
  readonly makeRoom?: () => Promise<boolean>;
  /** Called at once when records that were accepted are given up, before their promises reject. */
  readonly onGivenUp: () => void;
  /** Called once when a sync has failed. The process is to end. */
  readonly onFailed: (error: unknown) => void;
  readonly log: Log;
  readonly system?: Pick<System, "clock" | "disk">;
}

interface Append {
  /** The record's JSON text as of when it was appended. */
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: CodedError) => void;
}

interface Rotation {
  readonly rotated: (mark: JournalPosition) => void;
  readonly reject: (error: CodedError) => void;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly #disk: Disk;
  #segments: Segment[] = [];
  #writer!: SegmentWriter;
  /** The last record that is whole on disk. */
  #mark: JournalPosition;
  #bytes = 0;
  #waiting: (Append | Rotation)[] = [];
  #running: Promise<void> | undefined;
  /** Cancels the start that lazy records have been given for later. */
  #lazy: (() => void) | undefined;
  /** Why nothing is accepted any more. */
  #refusal: CodedError | undefined;
  #failed = false;

  private constructor(options: JournalOptions) {
    this.#options = options;
    this.#disk = (options.system ?? SYSTEM).disk;
    this.#mark = options.after;
  }

  /**
   * Reads what is there, gives `replay` what is newer than `after`, and opens for appending.
   *
   * @throws {ExitError} `damaged`, with file and byte offset
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const journal = new Journal(options);
    journal.#segments = await findSegments(options.folder, journal.#disk);
    await journal.#recover();
    return journal;
  }

  /** Bytes in all segments. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Puts a record behind those that wait.
   *
   * @param lazy nobody waits for it: it goes along with the next one, or after 50 ms
   * @returns resolves when the record is on disk, rejects with `storage_full` or `storage_failed`
   * @throws {CodedError} `storage_failed` where nothing is accepted any more
   * @throws {RangeError} where the record is longer than what is read back
   */
  append(rec: Json, { lazy = false } = {}): Promise<void> {
    const text = JSON.stringify(rec);
    if (text.length * UTF8_BYTES_MAX > RECORD_BYTES_MAX) refuseLong(text);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#enqueue({ text, resolve, reject }, lazy);
    if (lazy) promise.catch(() => {}); // `onGivenUp` tells of it
    return promise;
  }

  /**
   * Begins a new segment behind what waits; gives the mark of the last record before it.
   *
   * @throws {CodedError} `storage_failed` where nothing is accepted any more
   */
  rotate(): Promise<JournalPosition> {
    const { promise, resolve: rotated, reject } = Promise.withResolvers<JournalPosition>();
    this.#enqueue({ rotated, reject }, false);
    return promise;
  }

  /** Removes the segments that hold nothing newer than `mark`. */
  async forget(mark: JournalPosition): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[1].first <= mark.seq + 1) {
      const [{ path }] = this.#segments;
      const { size } = await this.#disk.lstat(path);
      await this.#disk.remove(path);
      this.#segments.shift();
      this.#bytes -= size;
    }
    await syncFolder(this.#options.folder, this.#disk);
  }

  /** Accepts nothing more, waits for what is appended and closes the file. */
  async close(): Promise<void> {
    this.#refusal ??= new CodedError("storage_failed", "Cannot write: the journal is closed", {
      maybeDone: false,
    });
    this.#start();
    await this.#running;
    this.#writer.close();
  }

  #enqueue(entry: Append | Rotation, lazy: boolean): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#waiting.push(entry);
    const { clock } = this.#options.system ?? SYSTEM;
    if (lazy) this.#lazy ??= clock.after(LAZY_MS, () => this.#start());
    else this.#start();
  }

  #start(): void {
    this.#lazy?.();
    this.#lazy = undefined;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what the same turn still appends goes along
    while (this.#waiting.length > 0 && !this.#failed) {
      const next = this.#waiting.findIndex((entry) => "rotated" in entry);
      if (next === 0) {
        await this.#rotateNow(this.#waiting.shift() as Rotation);
      } else {
        const count = next < 0 ? this.#waiting.length : next;
        await this.#commit(this.#waiting.splice(0, count) as Append[]);
      }
    }
    this.#running = undefined;
  }

  async #commit(batch: Append[]): Promise<void> {
    let mark = this.#mark;
    const lines = batch.map(({ text }) => {
      const { line, mark: next } = encodeRecord(mark, text);
      mark = next;
      return line;
    });
    const bytes = lines.length === 1 ? lines[0] : Buffer.concat(lines);
    try {
      await this.#writer.write(bytes, this.#options.makeRoom);
    } catch (error) {
      return await this.#giveUp(batch, error);
    }
    try {
      await this.#writer.sync();
    } catch (error) {
      return this.#fail(batch, error);
    }
    this.#mark = mark;
    this.#bytes += bytes.length;
    for (const { resolve } of batch) resolve();
  }

  async #rotateNow(rotation: Rotation): Promise<void> {
    const mark = this.#mark;
    const { folder, role } = this.#options;
    const next = newSegment(folder, role, mark);
    let writer: SegmentWriter;
    try {
      await this.#writer.rewrite();
      writer = await SegmentWriter.create(next, this.#disk);
    } catch (error) {
      return rotation.reject(storageError("begin a segment", error)); // the old one goes on
    }
    try {
      await writer.syncCreated(folder);
    } catch (error) {
      return this.#fail([rotation], error);
    }
    this.#use(writer, next);
    rotation.rotated(mark);
  }

  async #beginFirst(): Promise<void> {
    const { folder, role } = this.#options;
    const next = newSegment(folder, role, this.#mark);
    const writer = await SegmentWriter.create(next, this.#disk);
    await writer.syncCreated(folder);
    this.#use(writer, next);
  }

  #use(writer: SegmentWriter, { segment, line, mark }: NewSegment): void {
    this.#writer?.close();
    this.#writer = writer;
    this.#segments.push(segment);
    this.#mark = mark;
    this.#bytes += line.length;
  }

  /** Rule 2. */
  async #giveUp(batch: Append[], error: unknown): Promise<void> {
    try {
      await this.#writer.rollBack();
    } catch (cause) {
      return this.#fail(batch, cause);
    }
    this.#reject(batch, storageError("write", error));
  }

  /** Rule 3. */
  #fail(batch: (Append | Rotation)[], error: unknown): void {
    this.#failed = true;
    this.#refusal = new CodedError("storage_failed", `Cannot sync the journal: ${why(error)}`, {
      cause: error,
    });
    this.#reject(batch, this.#refusal);
    this.#options.onFailed(error);
  }

  #reject(batch: (Append | Rotation)[], error: CodedError): void {
    const all = [...batch, ...this.#waiting.splice(0)];
    this.#options.log("error", "journal_gave_up", { records: all.length, reason: error.message });
    this.#options.onGivenUp();
    for (const { reject } of all) reject(error);
  }

  async #recover(): Promise<void> {
    const { folder, role, after, replay } = this.#options;
    const [segments, disk] = [this.#segments, this.#disk];
    const { mark, bytes, torn } = await readJournal({
      folder,
      role,
      segments,
      after,
      replay,
      disk,
    });
    this.#mark = mark;
    this.#bytes = bytes;
    for (const { segment, read } of torn.toReversed()) {
      const isKept = await cutTornTail(folder, segment.path, read, this.#options.log, disk);
      if (!isKept) this.#segments.pop();
    }
    const last = this.#segments.at(-1);
    if (last === undefined) return await this.#beginFirst();
    await syncFolder(folder, disk);
    this.#writer = await SegmentWriter.reopen(last.path, disk);
  }
}

function refuseLong(text: string): void {
  const bytes = new TextEncoder().encode(text).length + ENVELOPE_BYTES;
  if (bytes <= RECORD_BYTES_MAX) return;
  throw new RangeError(
    `Cannot keep a record of ${bytes} bytes: it may have ${RECORD_BYTES_MAX} at most`,
  );
}

function storageError(act: string, cause: unknown): CodedError {
  return new CodedError(
    isDiskFull(cause) ? "storage_full" : "storage_failed",
    `Cannot ${act} in the journal: ${why(cause)}`,
    { cause, maybeDone: false },
  );
}

function why(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
