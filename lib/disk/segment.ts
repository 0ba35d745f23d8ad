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

/** Told in each segment's first record; a newer one is refused. */
const FORMAT = 1;

const NAME = /^journal-(\d{12,16})\.ndjson$/;

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

export function headerMark(
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
