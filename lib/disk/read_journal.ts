import { Damage } from "./damage.ts";
import type { Json } from "../json.ts";
import type { JournalPosition } from "./record.ts";
import { type Disk, SYSTEM } from "../system.ts";
import { readSegment, type SegmentRead } from "./read_segment.ts";
import { newSegment, readStart, type Segment } from "./segment.ts";
import { isTorn } from "./torn_tail.ts";

/** What to read. */
export interface JournalReading {
  readonly folder: string;
  readonly role: string;
  /** All segments of the folder, the oldest first. */
  readonly segments: readonly Segment[];
  /** The position of the snapshot: records up to there are known. */
  readonly after: JournalPosition;
  /** Receives each later record, in order. */
  readonly replay: (rec: Json) => void;
  readonly disk?: Disk;
}

/** What reading a journal found. */
export interface JournalRead {
  /** The position after the last whole record. */
  readonly position: JournalPosition;
  /** Bytes in all segments, without torn tails. */
  readonly bytes: number;
  /** The segments at the end that a write did not finish, the oldest first. */
  readonly torn: readonly TornSegment[];
}

/** Only the first torn segment may hold whole records: the later ones were created, but never used. */
interface TornSegment {
  readonly segment: Segment;
  readonly read: SegmentRead;
}

/**
 * Reads the segments one after the other, without changing them.
 *
 * @throws {Damage} if anything but the tail of the last used segment is incomplete
 */
export async function readJournal(
  { folder, role, segments, after, replay, disk = SYSTEM.disk }: JournalReading,
): Promise<JournalRead> {
  // A snapshot is taken at a rotation, so a segment begins at its position. Older segments are not
  // read: a crash may have left any part of them.
  const { segment: { path, first } } = newSegment(folder, role, after);
  const begin = segments.findIndex((segment) => segment.first === first);
  if (begin < 0 && (segments.length > 0 || after.seq > 0)) throw missing(path, after);
  const older = segments.slice(0, Math.max(begin, 0));
  let [position, bytes] = [after, 0];
  for (const { path } of older) bytes += (await disk.lstat(path)).size;
  for (const [at, segment] of segments.entries()) {
    if (at < older.length) continue;
    const read = await readSegment(segment, role, position, replay, disk);
    position = read.position ?? position;
    bytes += read.end;
    if (read.end === read.size && read.position !== undefined) continue;
    // A snapshot is only there if the segment that begins at its position had a whole header.
    const mayBeTorn = read.position !== undefined || after.seq === 0 || segment.first > first;
    const unused = await readUnused(segments.slice(at + 1), disk);
    if (!mayBeTorn || unused === undefined || !(await isTorn(segment.path, read.end, disk))) {
      throw damaged(segment.path, read.end);
    }
    return { position, bytes, torn: [{ segment, read }, ...unused] };
  }
  return { position, bytes, torn: [] };
}

/** Reads segments that must not hold any record. Returns `undefined` if one of them may. */
async function readUnused(
  segments: readonly Segment[],
  disk: Disk,
): Promise<TornSegment[] | undefined> {
  const unused: TornSegment[] = [];
  for (const segment of segments) {
    const { isFile, size } = await disk.lstat(segment.path);
    const isUnused = isFile && await readStart(segment, disk) === undefined &&
      await isTorn(segment.path, 0, disk);
    if (!isUnused) return undefined;
    unused.push({ segment, read: { position: undefined, end: 0, size } });
  }
  return unused;
}

function missing(path: string, after: JournalPosition): Damage {
  const why = `it is missing, and with it the records after ${after.seq}`;
  return new Damage("journal", path, 0, why);
}

function damaged(path: string, offset: number): Damage {
  const why = "it is damaged there, and not by a write that was cut short";
  return new Damage("journal", path, offset, why);
}
