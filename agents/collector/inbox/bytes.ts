/**
 * Bytes that can be read at any place.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { CodedError } from "../../../lib/errors.ts";

/** How much is read at a time. */
export const BLOCK_BYTES = 64 * 1024;

export interface Bytes {
  readonly size: number;
  /** Fills `buffer` from `offset` on, as far as there are bytes; gives how many. */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /** Gives free what it lies in; absent where there is nothing to be given free. */
  free?(): void;
}

/** Bytes that lie in memory. */
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

/** The first `size` bytes of an open file, which its owner closes; what is appended stays unseen. */
export function fileBytes(file: Pick<FileHandle, "read">, size: number): Bytes {
  return {
    size,
    async read(buffer, offset) {
      const wanted = Math.max(0, Math.min(buffer.length, size - offset));
      let done = 0;
      while (done < wanted) {
        const { bytesRead } = await file.read(buffer, done, wanted - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
  };
}

/**
 * Reads a range whole.
 *
 * @throws {CodedError} `handler_rejected` when the file has become shorter
 */
export async function readRange(bytes: Bytes, from: number, to: number) {
  const range = new Uint8Array(to - from);
  if (await bytes.read(range, from) < range.length) throw shortened();
  return range;
}

/** The file lost bytes that it had when it was opened. */
export function shortened(): CodedError {
  return new CodedError(
    "handler_rejected",
    "Cannot collect a file that is cut while it is read; collect it again",
  );
}
