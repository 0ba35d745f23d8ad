/**
 * Bytes that can be read at any offset: of a file, or in memory.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { CodedError } from "../../../lib/errors.ts";

/** How much is read at a time. */
export const BLOCK_BYTES = 64 * 1024;

/** A source's content. */
export interface Bytes {
  readonly size: number;
  /** Fills `buffer` from `offset` on, as far as there are bytes, and returns how many it read. */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /** Frees the memory that holds the bytes; absent if none is to be freed. */
  free?(): void;
}

/** Wraps bytes in memory. */
export function memoryBytes(bytes: Uint8Array): Bytes {
  return {
    size: bytes.length,
    read(buffer, offset) {
      const part = bytes.subarray(offset, offset + buffer.length);
      buffer.set(part);
      return Promise.resolve(part.length);
    },
  };
}

/** Wraps the first `size` bytes of an open file, which the caller closes. */
export function fileBytes(file: Pick<FileHandle, "read">, size: number): Bytes {
  return {
    size,
    async read(buffer, offset) {
      const wanted = Math.max(0, Math.min(buffer.length, size - offset));
      let filled = 0;
      while (filled < wanted) {
        const { bytesRead } = await file.read(buffer, filled, wanted - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
  };
}

/**
 * Reads all bytes from `from` up to `to`.
 *
 * @throws {CodedError} `handler_rejected` if the file has become shorter
 */
export async function readRange(bytes: Bytes, from: number, to: number) {
  const range = new Uint8Array(to - from);
  if (await bytes.read(range, from) < range.length) throw shortened();
  return range;
}

/** Returns the error for a file that has lost bytes since it was found. */
export function shortened(): CodedError {
  return new CodedError(
    "handler_rejected",
    "Cannot collect a file that is cut while it is read; collect it again",
  );
}
