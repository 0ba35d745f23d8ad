/**
 * One file of a journal: reading it back, telling an incomplete tail from damage.
 *
 * @module
 */
import { z } from "zod";
import { Damage } from "./damage.ts";
import { ExitError } from "../exit.ts";
import { replaceFile } from "./atomic_file.ts";
import { LineReader } from "../lines.ts";
import { CodedError } from "../errors.ts";
import type { Json } from "../json.ts";
import { type Disk, SYSTEM } from "../system.ts";
import { writeAll } from "../write_all.ts";
import { crcText, decodeRecord, encodeRecord, type JournalPosition, peekRecord } from "./record.ts";

/** Told in each segment's first record; a newer one is refused. */
const FORMAT = 1;
/** The longest line that is read back. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024;
/** File systems write in multiples of this. */
const SECTOR_BYTES = 512;
const REWRITE_BYTES = 1024 * 1024;

const NAME = /^journal-(\d{12,16})\.ndjson$/;
const LINE_FEED = 0x0a;
const NUL = 0;

const Header = z.object({
  journal: z.int().positive(),
  role: z.string(),
  after: z.object({ seq: z.int().nonnegative(), crc: z.string().regex(/^[0-9a-f]{8}$/) }),
});

export interface Segment {
  readonly path: string;
  /** Number of its first record, which is its header. */
  readonly first: number;
}

/** The segments of a folder, in order. */
export async function findSegments(folder: string, disk = SYSTEM.disk): Promise<Segment[]> {
  const found: Segment[] = [];
  for await (const { name } of disk.readDir(folder)) {
    const first = NAME.exec(name)?.[1];
    if (first !== undefined) found.push({ path: `${folder}/${name}`, first: Number(first) });
  }
  return found.sort((a, b) => a.first - b.first);
}

/** A segment, its header's line, and where the chain stands behind that. */
export interface NewSegment {
  readonly segment: Segment;
  readonly line: Uint8Array;
  readonly mark: JournalPosition;
}

/** The segment that begins after `after`. */
export function newSegment(folder: string, role: string, after: JournalPosition): NewSegment {
  const first = after.seq + 1;
  const header = { journal: FORMAT, role, after: { seq: after.seq, crc: crcText(after.crc) } };
  const path = `${folder}/journal-${String(first).padStart(12, "0")}.ndjson`;
  return { segment: { path, first }, ...encodeRecord(after, JSON.stringify(header)) };
}

export interface SegmentRead {
  /** The last whole record; `undefined` where not even the header is whole. */
  readonly mark: JournalPosition | undefined;
  /** Where the last whole record ends, in bytes. */
  readonly end: number;
  readonly size: number;
}

/**
 * Reads a segment up to its end or to the first line that is not the next record.
 *
 * @param after where the segment before this one ended, or the snapshot
 * @throws {ExitError} `damaged` where the header says that this is not the segment to read
 */
export async function readSegment(
  segment: Segment,
  role: string,
  after: JournalPosition,
  onRecord: (rec: Json) => void,
  disk = SYSTEM.disk,
): Promise<SegmentRead> {
  const { path } = segment;
  await refuseOdd(path, disk);
  using file = await disk.open(path);
  const { size } = await file.stat();
  let mark: JournalPosition | undefined;
  let end = 0;
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      const isHeader = mark === undefined;
      const before = mark ?? headerMark(line, segment, role, after);
      const record = before && decodeRecord(line, before);
      if (record === undefined) break;
      mark = record.mark;
      end += line.length + 1;
      if (!isHeader) onRecord(record.rec);
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error; // too long for a record: read up to there
  }
  return { mark, end, size };
}

/**
 * Whether what follows `end` is a write that never finished: a line without its end, or sectors that
 * the file system gave the file but never filled. A NUL alone is damage.
 */
export async function isTorn(path: string, end: number, disk = SYSTEM.disk): Promise<boolean> {
  const tail = await readFrom(path, end, disk);
  return !tail.includes(LINE_FEED) || hasHole(tail, end);
}

/** As etcd's log tells it (`server/storage/wal/decoder.go`): by sectors that are all NUL. */
function hasHole(tail: Uint8Array, end: number): boolean {
  for (let at = tail.indexOf(NUL); at >= 0; at = tail.indexOf(NUL, at)) {
    const start = at;
    while (at < tail.length && tail[at] === NUL) at++;
    const begins = start === 0 || (end + start) % SECTOR_BYTES === 0;
    if (begins && (at === tail.length || (end + at) % SECTOR_BYTES === 0)) return true;
  }
  return false;
}

/** Cuts the file off at `end`; what was there is kept under the path `aside` in the same folder. */
export async function cutTail(
  path: string,
  end: number,
  aside: string,
  disk = SYSTEM.disk,
): Promise<void> {
  await replaceFile(aside, await readFrom(path, end, disk), disk);
  using file = await disk.open(path, { write: true });
  await file.truncate(end);
  await file.sync();
}

/**
 * Puts a file on disk that was read back. A sync alone would not do: after one that has failed the
 * system takes what it could not write for written. The same bytes in the same place need no room,
 * and do no harm where they stop halfway.
 */
export async function rewrite(path: string, disk = SYSTEM.disk): Promise<void> {
  using file = await disk.open(path, { read: true, write: true });
  const block = new Uint8Array(REWRITE_BYTES);
  for (let at = 0, read: number | null; (read = await file.read(block)) !== null; at += read) {
    await file.seek(at, Deno.SeekMode.Start);
    await writeAll(file, block.subarray(0, read));
  }
  await file.sync();
}

/** What a segment goes on after, by its own header; `undefined` where that is not whole. */
export async function readStart(
  { path }: Segment,
  disk = SYSTEM.disk,
): Promise<JournalPosition | undefined> {
  if (!(await disk.lstat(path)).isFile) return undefined;
  using file = await disk.open(path);
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      const told = positionOf(line);
      return told && decodeRecord(line, told) && told;
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error; // too long for a header
  }
}

/** What a header says that it goes on after, whole or not. */
export function positionOf(line: Uint8Array): JournalPosition | undefined {
  const after = Header.safeParse(peekRecord(line)?.rec).data?.after;
  return after && { seq: after.seq, crc: parseInt(after.crc, 16) };
}

function headerMark(
  line: Uint8Array,
  { path, first }: Segment,
  role: string,
  after: JournalPosition,
): JournalPosition | undefined {
  const header = Header.safeParse(peekRecord(line)?.rec).data;
  if (header === undefined) return undefined;
  const told = { seq: header.after.seq, crc: parseInt(header.after.crc, 16) };
  // Before anything is made of it: a word that is damaged must not keep a repair away.
  if (decodeRecord(line, told) === undefined) return undefined;
  if (header.journal > FORMAT) {
    throw foreign(path, `format ${header.journal} is newer than ${FORMAT}, use a newer Baton`);
  }
  if (header.role !== role) throw foreign(path, `it belongs to "${header.role}", not "${role}"`);
  if (told.seq + 1 !== first) { // or later segments would come before it
    throw new Damage(
      "journal",
      path,
      0,
      `its name is that of record ${first}, not ${told.seq + 1}`,
    );
  }
  if (after.seq !== told.seq || after.crc !== told.crc) {
    throw new Damage(
      "journal",
      path,
      0,
      `it goes on after record ${told.seq} (${crcText(told.crc)}), but what is before it ends ` +
        `with record ${after.seq} (${crcText(after.crc)})`,
    );
  }
  return told;
}

/** Not damaged, so nothing that a repair may take away. */
function foreign(path: string, why: string): ExitError {
  return new ExitError("damaged", `Cannot read journal "${path}" at byte 0: ${why}`);
}

async function refuseOdd(path: string, disk: Disk): Promise<void> {
  if ((await disk.lstat(path)).isFile) return;
  throw new Damage("journal", path, undefined, "it is not a plain file");
}

async function readFrom(path: string, offset: number, disk: Disk): Promise<Uint8Array> {
  using file = await disk.open(path);
  const { size } = await file.stat();
  await file.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(Math.max(0, size - offset));
  let end = 0;
  while (end < bytes.length) {
    const read = await file.read(bytes.subarray(end));
    if (read === null) break;
    end += read;
  }
  return bytes.subarray(0, end);
}
