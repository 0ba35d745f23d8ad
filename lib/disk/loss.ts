import { CodedError } from "../errors.ts";
import { LineReader } from "../lines.ts";
import { decodeRecord, peekRecord, possibleCrcs, RECORD_BYTES_MAX, START } from "./record.ts";
import { count } from "./repair_step.ts";
import { peekStart, type Segment } from "./segment.ts";

/** Checksums to try for the record before; after a row of damaged records there would be ever more. */
const CRCS_MAX = 2;

/** The records that are lost with a segment or a part of it, without its header. */
export interface Loss {
  readonly records: number;
  /** The numbers of the records whose checksum is right. */
  readonly whole: readonly number[];
}

/** Counts a segment's records that begin at `offset` or later and whose number is above `seq`. */
export async function lossIn({ path }: Segment, offset = 0, seq = 0): Promise<Loss> {
  const whole: number[] = [];
  let [records, lines, end] = [0, 0, 0];
  if (!(await Deno.lstat(path)).isFile) return { records, whole };
  using file = await Deno.open(path);
  const { size } = await file.stat();
  let crcs: number[] = [];
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      const number = peekRecord(line)?.seq;
      const before = lines === 0 ? [peekStart(line)?.crc ?? START.crc] : crcs;
      const record = typeof number === "number"
        ? before.map((crc) => decodeRecord(line, { seq: number - 1, crc })).find(Boolean)
        : undefined;
      crcs = record === undefined
        ? possibleCrcs(line, before).slice(0, CRCS_MAX)
        : [record.position.crc];
      if (lines++ > 0 && end >= offset && (typeof number !== "number" || number > seq)) {
        records++;
        if (record !== undefined) whole.push(record.position.seq);
      }
      end += line.length + 1;
    }
  } catch (error) {
    // A line too long for a record: the rest of the file counts as one.
    if (!(error instanceof CodedError)) throw error;
  }
  return { records: records + (end < size ? 1 : 0), whole };
}

/** Returns `4 records, 3 of them whole (5 to 7)`. */
export function describeLoss({ records, whole }: Loss): string {
  const numbers = whole.length === 0 ? "" : ` (${whole[0]} to ${whole.at(-1)})`;
  return `${count(records, "record")}, ${whole.length} of them whole${numbers}`;
}
