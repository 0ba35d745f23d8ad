/**
 * The readable file of a memory: one entry a line inside one JSON object, with a checksum at its end.
 *
 * @module
 */
import { z } from "zod";
import { ExitError } from "./exit.ts";
import { LineReader } from "./lines.ts";
import type { Json } from "./protocol.ts";
import { crc32, crcText, type Mark, START } from "./record.ts";
import { RECORD_BYTES_MAX } from "./segment.ts";

const FORMAT = 1;
const PART_CHARS = 1024 * 1024;

const Crc = z.string().regex(/^[0-9a-f]{8}$/);
const Head = z.object({
  memory: z.int().positive(),
  role: z.string(),
  seq: z.int().nonnegative(),
  crc: Crc,
});
const Foot = z.object({ sum: Crc });

export interface Snapshot {
  readonly entries: Map<string, Json>;
  /** The last journal record that the entries include. */
  readonly mark: Mark;
}

/** The file's bytes, in parts. */
export function* encodeSnapshot(role: string, { entries, mark }: Snapshot): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let sum = 0;
  let text = JSON.stringify({ memory: FORMAT, role, seq: mark.seq, crc: crcText(mark.crc) })
    .replace(/\}$/, ',"entries":{\n');
  const part = (): Uint8Array => {
    const bytes = encoder.encode(text);
    sum = crc32(bytes, sum);
    text = "";
    return bytes;
  };
  let left = entries.size;
  for (const [key, value] of entries) {
    text += `${JSON.stringify(key)}:${JSON.stringify(value)}${--left > 0 ? "," : ""}\n`;
    if (text.length > PART_CHARS) yield part();
  }
  yield part();
  yield encoder.encode(`},"sum":"${crcText(sum)}"}\n`);
}

/**
 * Reads the file back; nothing at all where there is none yet.
 *
 * @throws {ExitError} `damaged` where it is not whole or belongs to another role
 */
export async function readSnapshot(path: string, role: string): Promise<Snapshot> {
  const entries = new Map<string, Json>();
  const refuse = (why: string): ExitError =>
    new ExitError("damaged", `Cannot read memory "${path}": ${why}`);
  const stat = await Deno.lstat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (stat === undefined) return { entries, mark: START };
  if (!stat.isFile) throw refuse("it is not a plain file");

  using file = await Deno.open(path);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let head: z.infer<typeof Head> | undefined;
  let sum = 0;
  let whole = false;
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      const text = decoder.decode(line);
      if (head === undefined) {
        head = Head.parse(JSON.parse(text + "}}"));
      } else if (text.startsWith("}")) {
        whole = Foot.parse(JSON.parse('{"entries":{' + text)).sum === crcText(sum);
        break;
      } else {
        const entry = JSON.parse(`{${text.endsWith(",") ? text.slice(0, -1) : text}}`);
        for (const [key, value] of Object.entries(entry)) entries.set(key, value as Json);
      }
      sum = crc32(NEW_LINE, crc32(line, sum));
    }
  } catch (error) {
    throw refuse(`line ${entries.size + 2} is damaged (${(error as Error).message.slice(0, 80)})`);
  }
  if (head === undefined || !whole) throw refuse("its checksum is wrong");
  if (head.memory > FORMAT) throw refuse(`format ${head.memory} is newer than ${FORMAT}`);
  if (head.role !== role) throw refuse(`it belongs to "${head.role}", not "${role}"`);
  return { entries, mark: { seq: head.seq, crc: parseInt(head.crc, 16) } };
}

const NEW_LINE = new Uint8Array([0x0a]);
