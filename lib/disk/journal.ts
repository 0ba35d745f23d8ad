/**
 * An append-only log of JSON records. A record is on disk when its promise resolves.
 *
 * What must hold:
 *  1. A record's promise resolves only after the record is synced. Records that come while a sync runs
 *     are written and synced together (group commit).
 *  2. After a failed write the journal is rolled back to its last synced record, and every record that
 *     was waiting is rejected: later records may build on it.
 *  3. A failed sync is never tried again, since the kernel may have dropped what it could not write.
 *     No more records are accepted; the next start recovers from what is on disk.
 *  4. Records that were read back at the start are put on disk before anything builds on them. After a
 *     crash, as after a failed sync, they may be in the kernel's memory alone.
 *  5. Only the tail of the last used segment may be incomplete. It is cut off and kept aside. Damage
 *     anywhere else keeps the journal from opening.
 *
 * Rules 1 to 3 are here, rule 4 is in `segment_writer.ts`, rule 5 in `read_journal.ts` and
 * `torn_tail.ts`.
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

/** A lazy record starts on its way to disk after this time at the latest. */
const LAZY_MS = 50;
/** The most bytes that a UTF-16 unit takes in UTF-8. */
const UTF8_BYTES_MAX = 3;
/** At least the bytes around a record in its line. */
const ENVELOPE_BYTES = 64;

/** What a journal needs, and whom it informs. */
export interface JournalOptions {
  /** The folder of the segments, which exists. */
  readonly folder: string;
  /** The owner's role; a segment of another role is refused. */
  readonly role: string;
  /** The position of the snapshot: records up to there are known. */
  readonly after: JournalPosition;
  /** Receives each later record, in order, while the journal opens. */
  readonly replay: (rec: Json) => void;
  /** Frees space on a full disk. Returns whether there was any; by default there is none. */
  readonly freeSpace?: () => Promise<boolean>;
  /** Called when accepted records are rejected, before their promises reject. */
  readonly onRollback: () => void;
  /** Called once, when a sync has failed. The process must end. */
  readonly onFailed: (error: unknown) => void;
  readonly log: Log;
  readonly system?: Pick<System, "clock" | "disk">;
}

interface Append {
  /** The record's JSON text at the time of the call. */
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: CodedError) => void;
}

interface Rotation {
  readonly rotated: (position: JournalPosition) => void;
  readonly reject: (error: CodedError) => void;
}

/** The journal of one memory, open for appending. */
export class Journal {
  readonly #options: JournalOptions;
  readonly #disk: Disk;
  #segments: Segment[] = [];
  #writer!: SegmentWriter;
  /** The position after the last synced record. */
  #position: JournalPosition;
  #bytes = 0;
  #queue: (Append | Rotation)[] = [];
  /** Works through the queue. */
  #running: Promise<void> | undefined;
  /** Cancels the timer that starts the work for lazy records. */
  #cancelTimer: (() => void) | undefined;
  /** Why no more records are accepted. */
  #refusal: CodedError | undefined;
  #isFailed = false;

  private constructor(options: JournalOptions) {
    this.#options = options;
    this.#disk = (options.system ?? SYSTEM).disk;
    this.#position = options.after;
  }

  /**
   * Reads the segments, passes the records after `after` to `replay`, and opens for appending.
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
   * Appends a record after those in the queue.
   *
   * @param lazy nobody waits for the record: it is written with the next one, or after 50 ms
   * @returns resolves when the record is on disk, rejects with `storage_full` or `storage_failed`
   * @throws {CodedError} `storage_failed` if no more records are accepted
   * @throws {RangeError} if the record is longer than a reader accepts
   */
  append(rec: Json, { lazy = false } = {}): Promise<void> {
    const text = JSON.stringify(rec);
    if (text.length * UTF8_BYTES_MAX > RECORD_BYTES_MAX) refuseLong(text);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#enqueue({ text, resolve, reject }, lazy);
    if (lazy) promise.catch(() => {}); // `onRollback` reports it
    return promise;
  }

  /**
   * Begins a new segment after the records in the queue.
   *
   * @returns the position at which the segment begins; rejects like `append()`
   * @throws {CodedError} `storage_failed` if no more records are accepted
   */
  rotate(): Promise<JournalPosition> {
    const { promise, resolve: rotated, reject } = Promise.withResolvers<JournalPosition>();
    this.#enqueue({ rotated, reject }, false);
    return promise;
  }

  /** Removes the segments that a snapshot at `position` covers. */
  async removeUpTo(position: JournalPosition): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[1].first <= position.seq + 1) {
      const [{ path }] = this.#segments;
      const { size } = await this.#disk.lstat(path);
      await this.#disk.remove(path);
      this.#segments.shift();
      this.#bytes -= size;
    }
    await syncFolder(this.#options.folder, this.#disk);
  }

  /** Accepts no more records, waits for those in the queue and closes the file. */
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
    this.#queue.push(entry);
    const { clock } = this.#options.system ?? SYSTEM;
    if (lazy) this.#cancelTimer ??= clock.after(LAZY_MS, () => this.#start());
    else this.#start();
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what is appended in this turn joins the first batch
    while (this.#queue.length > 0 && !this.#isFailed) {
      const next = this.#queue.findIndex((entry) => "rotated" in entry);
      if (next === 0) {
        await this.#rotateNow(this.#queue.shift() as Rotation);
      } else {
        const count = next < 0 ? this.#queue.length : next;
        await this.#commit(this.#queue.splice(0, count) as Append[]);
      }
    }
    this.#running = undefined;
  }

  async #commit(batch: Append[]): Promise<void> {
    let position = this.#position;
    const lines = batch.map(({ text }) => {
      const encoded = encodeRecord(position, text);
      position = encoded.position;
      return encoded.line;
    });
    const bytes = lines.length === 1 ? lines[0] : Buffer.concat(lines);
    try {
      await this.#writer.write(bytes, this.#options.freeSpace);
    } catch (error) {
      return await this.#rollBack(batch, error);
    }
    try {
      await this.#writer.sync();
    } catch (error) {
      return this.#fail(batch, error);
    }
    this.#position = position;
    this.#bytes += bytes.length;
    for (const { resolve } of batch) resolve();
  }

  async #rotateNow(rotation: Rotation): Promise<void> {
    const position = this.#position;
    const { folder, role } = this.#options;
    const next = newSegment(folder, role, position);
    let writer: SegmentWriter;
    try {
      await this.#writer.rewrite();
      writer = await SegmentWriter.create(next, this.#disk);
    } catch (error) {
      // Records are still appended to the old segment.
      return rotation.reject(storageError("begin a segment", error));
    }
    try {
      await writer.syncCreated(folder);
    } catch (error) {
      return this.#fail([rotation], error);
    }
    this.#switchTo(writer, next);
    rotation.rotated(position);
  }

  async #beginFirst(): Promise<void> {
    const { folder, role } = this.#options;
    const next = newSegment(folder, role, this.#position);
    const writer = await SegmentWriter.create(next, this.#disk);
    await writer.syncCreated(folder);
    this.#switchTo(writer, next);
  }

  #switchTo(writer: SegmentWriter, { segment, line, position }: NewSegment): void {
    this.#writer?.close();
    this.#writer = writer;
    this.#segments.push(segment);
    this.#position = position;
    this.#bytes += line.length;
  }

  /** Rule 2. */
  async #rollBack(batch: Append[], error: unknown): Promise<void> {
    try {
      await this.#writer.rollBack();
    } catch (cause) {
      return this.#fail(batch, cause);
    }
    this.#reject(batch, storageError("write", error));
  }

  /** Rule 3. */
  #fail(batch: (Append | Rotation)[], error: unknown): void {
    this.#isFailed = true;
    const message = `Cannot sync the journal: ${messageOf(error)}`;
    this.#refusal = new CodedError("storage_failed", message, { cause: error });
    this.#reject(batch, this.#refusal);
    this.#options.onFailed(error);
  }

  #reject(batch: (Append | Rotation)[], error: CodedError): void {
    const rejected = [...batch, ...this.#queue.splice(0)];
    const fields = { records: rejected.length, reason: error.message };
    this.#options.log("error", "journal_gave_up", fields);
    this.#options.onRollback();
    for (const { reject } of rejected) reject(error);
  }

  async #recover(): Promise<void> {
    const { folder, role, after, replay, log } = this.#options;
    const [segments, disk] = [this.#segments, this.#disk];
    const read = await readJournal({ folder, role, segments, after, replay, disk });
    this.#position = read.position;
    this.#bytes = read.bytes;
    for (const { segment, read: tail } of read.torn.toReversed()) {
      if (!(await cutTornTail(folder, segment.path, tail, log, disk))) segments.pop();
    }
    const last = segments.at(-1);
    if (last === undefined) return await this.#beginFirst();
    await syncFolder(folder, disk);
    this.#writer = await SegmentWriter.reopen(last.path, disk);
  }
}

function refuseLong(text: string): void {
  const bytes = Buffer.byteLength(text) + ENVELOPE_BYTES;
  if (bytes <= RECORD_BYTES_MAX) return;
  throw new RangeError(
    `Cannot keep a record of ${bytes} bytes: it may have ${RECORD_BYTES_MAX} at most`,
  );
}

function storageError(act: string, cause: unknown): CodedError {
  return new CodedError(
    isDiskFull(cause) ? "storage_full" : "storage_failed",
    `Cannot ${act} in the journal: ${messageOf(cause)}`,
    { cause, maybeDone: false },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
