/**
 * A cheap identity of what has been read of a file.
 *
 * @module
 */
import { type Bytes, readRange } from "../inbox/bytes.ts";

/** How much of either end goes into a mark. */
export const FINGERPRINT_BYTES = 4096;

/**
 * Digests both ends of the first `size` bytes. A file that was only appended to keeps the mark of
 * its former size; one that was rotated or written anew does not. A change in the middle of a long
 * file that leaves both ends alone is not noticed.
 */
export async function fingerprint(bytes: Bytes, size: number): Promise<string> {
  const headEnd = Math.min(size, FINGERPRINT_BYTES);
  const tailStart = Math.max(headEnd, size - FINGERPRINT_BYTES);
  const ends = new Uint8Array(headEnd + size - tailStart);
  ends.set(await readRange(bytes, 0, headEnd));
  ends.set(await readRange(bytes, tailStart, size), headEnd);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", ends)).toHex();
}
