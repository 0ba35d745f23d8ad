/**
 * Turns packed text and other encodings into UTF-8 in memory.
 *
 * @module
 */
import { BLOCK_BYTES, type Bytes, memoryBytes, shortened } from "./bytes.ts";
import { refuse } from "./inbox_path.ts";

/** The most bytes that are unpacked, because each page of a packed file unpacks it anew. */
export const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

const GZIP = [0x1f, 0x8b];
const UTF16LE = [0xff, 0xfe];
const UTF16BE = [0xfe, 0xff];

/** Whether a source that begins with these bytes must be unpacked before it can be read. */
export function isPacked(head: Uint8Array): boolean {
  return [GZIP, UTF16LE, UTF16BE].some((magic) => begins(head, magic));
}

/**
 * Decodes gzip and UTF-16; returns `bytes` themselves if they are neither. The caller frees the
 * result.
 *
 * @param path named in errors
 * @param max bytes of text
 * @throws {CodedError} `invalid_input` if the text is longer than `max` or can't be decoded
 */
export async function unpack(
  path: string,
  bytes: Bytes,
  signal: AbortSignal,
  max: number = UNPACKED_BYTES_MAX,
): Promise<Bytes> {
  const plain = begins(await headOf(bytes), GZIP)
    ? await gather(path, gunzip(path, bytes, signal), max)
    : bytes;
  const head = await headOf(plain);
  const encoding = begins(head, UTF16LE) ? "utf-16le" : begins(head, UTF16BE) ? "utf-16be" : null;
  if (encoding === null) return plain;
  try {
    return await gather(path, recode(plain, encoding, signal), max);
  } finally {
    plain.free?.();
  }
}

async function headOf(bytes: Bytes): Promise<Uint8Array> {
  const head = new Uint8Array(2);
  return head.subarray(0, await bytes.read(head, 0));
}

function begins(head: Uint8Array, magic: number[]): boolean {
  return magic.every((byte, at) => head[at] === byte);
}

async function* gunzip(path: string, bytes: Bytes, signal: AbortSignal) {
  const unzip = new DecompressionStream("gzip");
  try {
    yield* ReadableStream.from(blocks(bytes, signal)).pipeThrough(unzip);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    refuse(path, `not a whole gzip file of one member (${error.message}); unpack it first`);
  }
}

async function* recode(bytes: Bytes, encoding: string, signal: AbortSignal) {
  const decoder = new TextDecoder(encoding);
  const encoder = new TextEncoder();
  for await (const block of blocks(bytes, signal)) {
    yield encoder.encode(decoder.decode(block, { stream: true }));
  }
  yield encoder.encode(decoder.decode());
}

async function* blocks(bytes: Bytes, signal: AbortSignal) {
  for (let offset = 0; offset < bytes.size;) {
    signal.throwIfAborted();
    const block = new Uint8Array(BLOCK_BYTES);
    const read = await bytes.read(block, offset);
    if (read === 0) throw shortened();
    offset += read;
    yield block.subarray(0, read);
  }
}

async function gather(path: string, parts: AsyncIterable<Uint8Array>, max: number): Promise<Bytes> {
  // The buffer grows in place and is freed explicitly: each page of a packed file takes tens of
  // megabytes, which would pile up before the garbage collector runs.
  const buffer = new ArrayBuffer(0, { maxByteLength: max });
  const all = new Uint8Array(buffer);
  const free = (): void => buffer.resize(0);
  try {
    for await (const part of parts) {
      const size = all.length;
      if (size + part.length > max) {
        refuse(path, `unpacks to more than ${max} bytes; unpack it first`);
      }
      buffer.resize(size + part.length);
      all.set(part, size);
    }
  } catch (error) {
    free();
    throw error;
  }
  return { ...memoryBytes(all), free };
}
