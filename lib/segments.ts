/**
 * The files of a journal, read one after the other without changing them.
 *
 * @module
 */
import { Damage } from "./damage.ts";
import type { Json } from "./protocol.ts";
import type { Mark } from "./record.ts";
import { type Disk, SYSTEM } from "./system.ts";
import { isTorn, newSegment, readSegment, type Segment, type SegmentRead } from "./segment.ts";

export interface Reading {
  readonly folder: string;
  readonly role: string;
  /** All of the folder, in order. */
  readonly segments: readonly Segment[];
  /** Records up to this one are known already, from a snapshot. */
  readonly after: Mark;
  readonly replay: (rec: Json) => void;
  readonly disk?: Disk;
}

export interface SegmentsRead {
  /** The last whole record. */
  readonly mark: Mark;
  /** Of all segments, without an incomplete tail. */
  readonly bytes: number;
  /** The last segment, where a write to it was cut short. */
  readonly torn: { segment: Segment; read: SegmentRead } | undefined;
}

/**
 * Gives `replay` every record that is newer than `after`, in order.
 *
 * @throws {Damage} where anything but the tail of the last segment is incomplete
 */
export async function readSegments(
  { folder, role, segments, after, replay, disk = SYSTEM.disk }: Reading,
): Promise<SegmentsRead> {
  // A snapshot is taken behind a rotation, so a segment begins where it ends. What is older is
  // not read: a crash may have left any part of it.
  const { segment: { path, first } } = newSegment(folder, role, after);
  const begin = segments.findIndex((segment) => segment.first === first);
  if (begin < 0 && (segments.length > 0 || after.seq > 0)) {
    throw missing(path, after);
  }
  const covered = segments.slice(0, Math.max(begin, 0));
  let [mark, bytes] = [after, 0];
  let torn: SegmentsRead["torn"];
  for (const { path } of covered) bytes += (await disk.lstat(path)).size;
  for (const segment of segments.slice(covered.length)) {
    const read = await readSegment(segment, role, mark, replay, disk);
    if (read.end < read.size || read.mark === undefined) {
      // A snapshot is only there when the segment behind it has begun.
      const begun = read.mark !== undefined || after.seq === 0 || segment.first > first;
      if (!begun || segment !== segments.at(-1) || !(await isTorn(segment.path, read.end, disk))) {
        throw damaged(segment.path, read.end);
      }
      torn = { segment, read };
    }
    mark = read.mark ?? mark;
    bytes += read.end;
  }
  return { mark, bytes, torn };
}

function missing(path: string, after: Mark): Damage {
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
