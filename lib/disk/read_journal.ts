/**
 * The files of a journal, read one after the other without changing them.
 *
 * @module
 */
import { Damage } from "./damage.ts";
import type { Json } from "../json.ts";
import type { JournalPosition } from "./record.ts";
import { type Disk, SYSTEM } from "../system.ts";
import { readSegment, type SegmentRead } from "./read_segment.ts";
import { newSegment, readStart, type Segment } from "./segment.ts";
import { isTorn } from "./torn_tail.ts";

export interface JournalReading {
  readonly folder: string;
  readonly role: string;
  /** All of the folder, in order. */
  readonly segments: readonly Segment[];
  /** Records up to this one are known already, from a snapshot. */
  readonly after: JournalPosition;
  readonly replay: (rec: Json) => void;
  readonly disk?: Disk;
}

export interface JournalRead {
  /** The last whole record. */
  readonly mark: JournalPosition;
  /** Of all segments, without an incomplete tail. */
  readonly bytes: number;
  /**
   * Those at the end to which a write was cut short, in order. Only the first of them may hold whole
   * records: the others were begun, and never came to be used.
   */
  readonly torn: { readonly segment: Segment; readonly read: SegmentRead }[];
}

/**
 * Gives `replay` every record that is newer than `after`, in order.
 *
 * @throws {Damage} where anything but the tail of the last segment that was used is incomplete
 */
export async function readJournal(
  { folder, role, segments, after, replay, disk = SYSTEM.disk }: JournalReading,
): Promise<JournalRead> {
  // A snapshot is taken behind a rotation, so a segment begins where it ends. What is older is
  // not read: a crash may have left any part of it.
  const { segment: { path, first } } = newSegment(folder, role, after);
  const begin = segments.findIndex((segment) => segment.first === first);
  if (begin < 0 && (segments.length > 0 || after.seq > 0)) {
    throw missing(path, after);
  }
  const covered = segments.slice(0, Math.max(begin, 0));
  let [mark, bytes] = [after, 0];
  for (const { path } of covered) bytes += (await disk.lstat(path)).size;
  for (const [at, segment] of segments.entries()) {
    if (at < covered.length) continue;
    const read = await readSegment(segment, role, mark, replay, disk);
    mark = read.mark ?? mark;
    bytes += read.end;
    if (read.end === read.size && read.mark !== undefined) continue;
    // A snapshot is only there when the segment behind it has begun.
    const begun = read.mark !== undefined || after.seq === 0 || segment.first > first;
    const later = await readUnused(segments.slice(at + 1), disk);
    if (!begun || later === undefined || !(await isTorn(segment.path, read.end, disk))) {
      throw damaged(segment.path, read.end);
    }
    return { mark, bytes, torn: [{ segment, read }, ...later] };
  }
  return { mark, bytes, torn: [] };
}

/** Looks at segments that must not hold anything; nothing where one of them may. */
async function readUnused(
  segments: readonly Segment[],
  disk: Disk,
): Promise<JournalRead["torn"] | undefined> {
  const unused: JournalRead["torn"] = [];
  for (const segment of segments) {
    const { isFile, size } = await disk.lstat(segment.path);
    const isUnused = isFile && await readStart(segment, disk) === undefined &&
      await isTorn(segment.path, 0, disk);
    if (!isUnused) return undefined;
    unused.push({ segment, read: { mark: undefined, end: 0, size } });
  }
  return unused;
}

function missing(path: string, after: JournalPosition): Damage {
  return new Damage(
    "journal",
    path,
    0,
    `it is missing, and with it the records after ${after.seq}`,
  );
}

function damaged(path: string, offset: number): Damage {
  const why = "it is damaged there, and not by a write that was cut short";
  return new Damage("journal", path, offset, why);
}
