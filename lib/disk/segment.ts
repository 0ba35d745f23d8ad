/**
 * One file of a journal: its name, and the header in its first line.
 *
 * @module
 */
import { z } from "zod";
import { Damage } from "./damage.ts";
import { ExitError } from "../exit.ts";
import { LineReader } from "../lines.ts";
import { CodedError } from "../errors.ts";
import { SYSTEM } from "../system.ts";
import {
  crcText,
  decodeRecord,
  encodeRecord,
  type JournalPosition,
  peekRecord,
  RECORD_BYTES_MAX,
} from "./record.ts";

/** The version in each segment's header; a newer version is refused. */
const FORMAT = 1;

const NAME = /^journal-(\d{12,16})\.ndjson$/;

const Header = z.object({
  journal: z.int().positive(),
  role: z.string(),
  after: z.object({ seq: z.int().nonnegative(), crc: z.string().regex(/^[0-9a-f]{8}$/) }),
});

/** One file of a journal. */
export interface Segment {
  readonly path: string;
  /** The number of its first record, which is its header. */
  readonly first: number;
}

/** Returns the segments of a folder, the oldest first. */
export async function findSegments(folder: string, disk = SYSTEM.disk): Promise<Segment[]> {
  const segments: Segment[] = [];
  for await (const { name } of disk.readDir(folder)) {
    const first = NAME.exec(name)?.[1];
    if (first !== undefined) segments.push({ path: `${folder}/${name}`, first: Number(first) });
  }
  return segments.sort((a, b) => a.first - b.first);
}

/** A segment that does not exist yet. */
export interface NewSegment {
  readonly segment: Segment;
  /** Its header, the first line. */
  readonly line: Uint8Array;
  /** The position after the header. */
  readonly position: JournalPosition;
}

/** Returns the segment that begins at the position `after`. */
export function newSegment(folder: string, role: string, after: JournalPosition): NewSegment {
  const first = after.seq + 1;
  const header = { journal: FORMAT, role, after: { seq: after.seq, crc: crcText(after.crc) } };
  const path = `${folder}/journal-${String(first).padStart(12, "0")}.ndjson`;
  return { segment: { path, first }, ...encodeRecord(after, JSON.stringify(header)) };
}

/** Returns the position at which a segment begins, or `undefined` if its header is not whole. */
export async function readStart(
  { path }: Segment,
  disk = SYSTEM.disk,
): Promise<JournalPosition | undefined> {
  if (!(await disk.lstat(path)).isFile) return undefined;
  using file = await disk.open(path);
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      const start = peekStart(line);
      return start && decodeRecord(line, start) && start;
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error; // too long for a header
  }
}

/** Returns the position at which a segment begins by its header, without checking the checksum. */
export function peekStart(line: Uint8Array): JournalPosition | undefined {
  const after = Header.safeParse(peekRecord(line)?.rec).data?.after;
  return after && { seq: after.seq, crc: parseInt(after.crc, 16) };
}

/**
 * Checks that a line is the header of the segment that begins at `after`.
 *
 * @returns `after`, or `undefined` if the line is no whole header
 * @throws {Damage} if the header says that the segment begins elsewhere
 * @throws {ExitError} `damaged` if the segment belongs to another role or a newer Baton
 */
export function checkHeader(
  line: Uint8Array,
  { path, first }: Segment,
  role: string,
  after: JournalPosition,
): JournalPosition | undefined {
  const header = Header.safeParse(peekRecord(line)?.rec).data;
  if (header === undefined) return undefined;
  const start = { seq: header.after.seq, crc: parseInt(header.after.crc, 16) };
  // Checked first: a damaged role or format must count as damage, which `repair` can remove.
  if (decodeRecord(line, start) === undefined) return undefined;
  if (header.journal > FORMAT) {
    throw foreign(path, `format ${header.journal} is newer than ${FORMAT}, use a newer Baton`);
  }
  if (header.role !== role) throw foreign(path, `it belongs to "${header.role}", not "${role}"`);
  if (start.seq + 1 !== first) { // or the segments would be read in the wrong order
    throw new Damage(
      "journal",
      path,
      0,
      `its name says record ${first}, its header record ${start.seq + 1}`,
    );
  }
  if (after.seq !== start.seq || after.crc !== start.crc) {
    throw new Damage(
      "journal",
      path,
      0,
      `it follows record ${start.seq} (${crcText(start.crc)}), but the journal before it ends ` +
        `with record ${after.seq} (${crcText(after.crc)})`,
    );
  }
  return start;
}

/** An error for a whole segment that `repair` must not remove. */
function foreign(path: string, why: string): ExitError {
  return new ExitError("damaged", `Cannot read journal "${path}" at byte 0: ${why}`);
}
