import type { NewSegment } from "./segment.ts";
import { syncFolder } from "./atomic_file.ts";
import type { Disk, DiskFile } from "../system.ts";
import { isDiskFull } from "../system_errors.ts";
import { writeAll } from "../write_all.ts";

const REWRITE_BYTES = 1024 * 1024;

/** The last segment of a journal, to which records are appended. */
export class SegmentWriter {
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #disk: Disk;
  /** The end of the last record that is on disk, in bytes. */
  #end: number;
  /** The end of the last record that is written, in bytes. */
  #writtenEnd: number;
  /** Whether all that a reader found in the file is certainly on disk. */
  #isRewritten: boolean;

  private constructor(
    path: string,
    file: DiskFile,
    disk: Disk,
    end: number,
    isRewritten: boolean,
  ) {
    this.#path = path;
    this.#file = file;
    this.#disk = disk;
    this.#end = end;
    this.#writtenEnd = end;
    this.#isRewritten = isRewritten;
  }

  /**
   * Creates a segment with its header. It is on disk after `syncCreated()`. If this throws, there is
   * no new file.
   */
  static async create({ segment: { path }, line }: NewSegment, disk: Disk): Promise<SegmentWriter> {
    const file = await disk.open(path, { createNew: true, append: true });
    try {
      await writeAll(file, line);
      return new SegmentWriter(path, file, disk, line.length, true);
    } catch (error) {
      file.close();
      await disk.remove(path);
      throw error;
    }
  }

  /** Opens a segment that was read back and rewrites it. On a full disk the first write does that. */
  static async reopen(path: string, disk: Disk): Promise<SegmentWriter> {
    let isRewritten = true;
    try {
      await rewriteFile(path, disk);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      isRewritten = false;
    }
    const { size } = await disk.lstat(path);
    const file = await disk.open(path, { append: true });
    return new SegmentWriter(path, file, disk, size, isRewritten);
  }

  /** Puts a new segment's header and name on disk. If this throws, the file is closed. */
  async syncCreated(folder: string): Promise<void> {
    try {
      await this.#file.sync();
      await syncFolder(folder, this.#disk);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** Puts the records that were read back on disk, unless that is done. */
  async rewrite(): Promise<void> {
    if (this.#isRewritten) return;
    await rewriteFile(this.#path, this.#disk);
    this.#isRewritten = true;
  }

  /**
   * Writes records at the end. If this throws, part of them may be in the file.
   *
   * @param freeSpace called if the disk is full; if it resolves to true, the write is tried once more
   */
  async write(records: Uint8Array, freeSpace?: () => Promise<boolean>): Promise<void> {
    await this.rewrite();
    try {
      await writeAll(this.#file, records);
    } catch (error) {
      if (!isDiskFull(error) || !(await freeSpace?.())) throw error;
      await this.#file.truncate(this.#end);
      await writeAll(this.#file, records);
    }
    this.#writtenEnd = this.#end + records.length;
  }

  /** Puts what is written on disk. */
  async sync(): Promise<void> {
    await this.#file.syncData();
    this.#end = this.#writtenEnd;
  }

  /** Removes what was written after the last `sync()`. */
  async rollBack(): Promise<void> {
    await this.#file.truncate(this.#end);
    await this.#file.sync(); // or a power cut could bring the removed records back
  }

  close(): void {
    this.#file.close();
  }
}

/**
 * Puts a file on disk that was read back. A sync alone is not enough: after a sync that failed, the
 * kernel takes what it could not write for written. Writing the same bytes to the same place needs no
 * room, and does no harm if it stops halfway.
 */
async function rewriteFile(path: string, disk: Disk): Promise<void> {
  using file = await disk.open(path, { read: true, write: true });
  const block = new Uint8Array(REWRITE_BYTES);
  for (let at = 0, read: number | null; (read = await file.read(block)) !== null; at += read) {
    await file.seek(at, Deno.SeekMode.Start);
    await writeAll(file, block.subarray(0, read));
  }
  await file.sync();
}
