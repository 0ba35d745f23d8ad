/**
 * The snapshot file of a memory: one JSON object with one entry a line and a checksum at its end.
 *
 * @module
 */
import { z } from "zod";
import { Damage } from "./damage.ts";
import { CodedError } from "../errors.ts";
import { ExitError } from "../exit.ts";
import { LineReader } from "../lines.ts";
import type { Json } from "../json.ts";
import { crc32, crcText, type JournalPosition, RECORD_BYTES_MAX, START } from "./record.ts";
import { SYSTEM } from "../system.ts";
import { ignoreMissing } from "../system_errors.ts";

const FORMAT = 1;
const PART_CHARS = 1024 * 1024;
/** No journal ever has as many records: a larger number is damage. */
const SEQ_MAX = 2 ** 52;

const Crc = z.string().regex(/^[0-9a-f]{8}$/);
const Head = z.object({
  memory: z.int().positive(),
  role: z.string(),
  seq: z.int().nonnegative().max(SEQ_MAX),
  crc: Crc,
});
const Foot = z.object({ sum: Crc });

/** All entries of a memory at one position of its journal. */
export interface Snapshot {
  readonly entries: Map<string, Json>;
  /** The entries include all records before it. */
  readonly position: JournalPosition;
}

/** Yields the bytes of the file, in parts of about 1 MB. */
export function* encodeSnapshot(
  role: string,
  { entries, position }: Snapshot,
): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let sum = 0;
  let text = JSON.stringify({ memory: FORMAT, role, seq: position.seq, crc: crcText(position.crc) })
    .replace(/\}$/, ',"entries":{\n');
  const takePart = (): Uint8Array => {
    const bytes = encoder.encode(text);
    sum = crc32(bytes, sum);
    text = "";
    return bytes;
  };
  let remaining = entries.size;
  for (const [key, value] of entries) {
    text += `${JSON.stringify(key)}:${JSON.stringify(value)}${--remaining > 0 ? "," : ""}\n`;
    if (text.length > PART_CHARS) yield takePart();
  }
  yield takePart();
  yield encoder.encode(`},"sum":"${crcText(sum)}"}\n`);
}

/**
 * Reads the file. If there is none, returns a snapshot without entries at `START`.
 *
 * @throws {Damage} if it is not whole
 * @throws {ExitError} `damaged` if it belongs to another role or has a newer format
 * @throws the error of the operating system if the file can't be read
 */
export async function readSnapshot(
  path: string,
  role: string,
  disk = SYSTEM.disk,
): Promise<Snapshot> {
  const entries = new Map<string, Json>();
  const stat = await disk.lstat(path).catch(ignoreMissing);
  if (stat === undefined) return { entries, position: START };
  if (!stat.isFile) throw new Damage("memory", path, undefined, "it is not a plain file");

  using file = await disk.open(path);
  let head: z.infer<typeof Head> | undefined;
  let [sum, offset, lines] = [0, 0, 1];
  let isWhole = false;
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      if (head === undefined) {
        head = decodeHead(line);
      } else if (line[0] === CLOSING_BRACE) {
        isWhole = decodeFoot(line).sum === crcText(sum);
        break;
      } else {
        for (const [key, value] of decodeEntry(line)) entries.set(key, value);
      }
      sum = crc32(NEW_LINE, crc32(line, sum));
      offset += line.length + 1;
      lines++;
    }
  } catch (error) {
    if (!isAboutContent(error)) throw error; // the disk failed, which no repair removes
    const why = error instanceof z.ZodError
      ? "not of this shape" // the message of zod has many lines
      : error.message.slice(0, 80);
    throw new Damage("memory", path, offset, `line ${lines} is damaged (${why})`);
  }
  if (head === undefined || !isWhole) {
    throw new Damage("memory", path, offset, "its checksum is wrong");
  }
  const foreign = (why: string): ExitError =>
    new ExitError("damaged", `Cannot read memory "${path}" at byte 0: ${why}`);
  if (head.memory > FORMAT) throw foreign(`format ${head.memory} is newer than ${FORMAT}`);
  if (head.role !== role) throw foreign(`it belongs to "${head.role}", not "${role}"`);
  return { entries, position: positionOf(head) };
}

/** The parts of a damaged file that can be read. */
export interface Salvage {
  /** A value may be wrong: the checksum is that of the whole file, not of an entry. */
  readonly entries: Map<string, Json>;
  /** The position in the first line, if that can be read. */
  readonly position: JournalPosition | undefined;
  /** Number of lines that can't be read. */
  readonly unreadable: number;
}

/** Reads every line of a damaged file that can be read. */
export async function salvageSnapshot(path: string): Promise<Salvage> {
  const entries = new Map<string, Json>();
  let position: JournalPosition | undefined;
  let [lines, unreadable, bytes] = [0, 0, 0];
  if (!(await Deno.lstat(path)).isFile) return { entries, position, unreadable };
  using file = await Deno.open(path);
  const { size } = await file.stat();
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      bytes += line.length + 1;
      try {
        if (lines++ === 0) position = positionOf(decodeHead(line));
        else if (line[0] === CLOSING_BRACE) decodeFoot(line);
        else for (const [key, value] of decodeEntry(line)) entries.set(key, value);
      } catch {
        unreadable++; // the caller reports how many
      }
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error; // too long a line: the rest counts as one
  }
  return { entries, position, unreadable: unreadable + (bytes < size ? 1 : 0) };
}

const NEW_LINE = new Uint8Array([0x0a]);
const CLOSING_BRACE = 0x7d;

function decodeHead(line: Uint8Array): z.infer<typeof Head> {
  return Head.parse(JSON.parse(decode(line) + "}}"));
}

function decodeFoot(line: Uint8Array): z.infer<typeof Foot> {
  return Foot.parse(JSON.parse('{"entries":{' + decode(line)));
}

function decodeEntry(line: Uint8Array): [string, Json][] {
  const text = decode(line);
  return Object.entries(JSON.parse(`{${text.endsWith(",") ? text.slice(0, -1) : text}}`));
}

function decode(line: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line);
}

/** Whether an error is about the content of a line, and not about the disk. */
function isAboutContent(error: unknown): error is Error {
  return [SyntaxError, TypeError, z.ZodError, CodedError].some((kind) => error instanceof kind);
}

function positionOf({ seq, crc }: z.infer<typeof Head>): JournalPosition {
  return { seq, crc: parseInt(crc, 16) };
}
