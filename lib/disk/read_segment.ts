import { CodedError } from "../errors.ts";
import { Damage } from "./damage.ts";
import type { Json } from "../json.ts";
import { LineReader } from "../lines.ts";
import { decodeRecord, type JournalPosition, RECORD_BYTES_MAX } from "./record.ts";
import { headerMark, type Segment } from "./segment.ts";
import { SYSTEM } from "../system.ts";

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
  if (!(await disk.lstat(path)).isFile) {
    throw new Damage("journal", path, undefined, "it is not a plain file");
  }
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
