import { type Bytes, readRange } from "../inbox/bytes.ts";

/** Bytes of either end that a fingerprint covers. */
export const FINGERPRINT_BYTES = 4096;

/**
 * Returns the SHA-256 of both ends of the first `size` bytes, in hex. A file that was only appended to
 * keeps the fingerprint of its former size; a file that was rotated or rewritten does not. A change
 * in the middle of a long file is not noticed.
 */
export async function fingerprint(bytes: Bytes, size: number): Promise<string> {
  const headEnd = Math.min(size, FINGERPRINT_BYTES);
  const tailStart = Math.max(headEnd, size - FINGERPRINT_BYTES);
  const ends = new Uint8Array(headEnd + size - tailStart);
  ends.set(await readRange(bytes, 0, headEnd));
  ends.set(await readRange(bytes, tailStart, size), headEnd);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", ends)).toHex();
}
