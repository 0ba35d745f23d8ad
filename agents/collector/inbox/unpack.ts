/**
 * Turns what is packed or in another encoding into UTF-8 that lies in memory.
 *
 * @module
 */
import { BLOCK_BYTES, type Bytes, memoryBytes, shortened } from "./bytes.ts";
import { refuse } from "./inbox_path.ts";

/** The most that is unpacked: each page of such a file unpacks it anew. */
export const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

const GZIP = [0x1f, 0x8b];
const UTF16LE = [0xff, 0xfe];
const UTF16BE = [0xfe, 0xff];

/** Whether bytes that begin so have to be unpacked before they can be read. */
export function isPacked(head: Uint8Array): boolean {
  return [GZIP, UTF16LE, UTF16BE].some((magic) => begins(head, magic));
}

/**
 * Gives the text behind gzip and UTF-16, or `bytes` themselves where they are neither.
 *
 * @param max named in the refusal when the text would be longer, in bytes
 * @throws {CodedError} `invalid_input` when it is too long or broken
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
  // It grows where it lies and is given free at once: each page of a packed file makes tens of
  // megabytes, which would pile up before they are collected as garbage.
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
