import { CodedError } from "../errors.ts";
import { Damage } from "./damage.ts";
import type { Json } from "../json.ts";
import { LineReader } from "../lines.ts";
import { decodeRecord, type JournalPosition, RECORD_BYTES_MAX } from "./record.ts";
import { checkHeader, type Segment } from "./segment.ts";
import { SYSTEM } from "../system.ts";

/** What reading a segment found. */
export interface SegmentRead {
  /** The position after the last whole record; `undefined` if not even the header is whole. */
  readonly position: JournalPosition | undefined;
  /** The end of the last whole record, in bytes. */
  readonly end: number;
  /** Size of the file, in bytes. */
  readonly size: number;
}

/**
 * Reads a segment up to its end or to the first line that is not the next record.
 *
 * @param after the position at which the segment must begin
 * @throws {ExitError} `damaged` if the header says that this is another segment
 */
export async function readSegment(
  segment: Segment,
  role: string,
  after: JournalPosition,
  onRecord: (rec: Json) => void,
  disk = SYSTEM.disk,
): Promise<SegmentRead> {
  const { path } = segment;
  if (!(await disk.lstat(path)).isFile) {
    throw new Damage("journal", path, undefined, "it is not a plain file");
  }
  using file = await disk.open(path);
  const { size } = await file.stat();
  let position: JournalPosition | undefined;
  let end = 0;
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      const isHeader = position === undefined;
      const before = position ?? checkHeader(line, segment, role, after);
      const record = before && decodeRecord(line, before);
      if (record === undefined) break;
      position = record.position;
      end += line.length + 1;
      if (!isHeader) onRecord(record.rec);
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error; // the line is too long for a record
  }
  return { position, end, size };
}
