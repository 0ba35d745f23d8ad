/** No secret or certificate is larger. */
const BYTES_MAX = 256 * 1024;

/**
 * Reads a text file that a user has named, and its mode. Symbolic links are followed, since container
 * engines mount secrets through them.
 *
 * @throws {RangeError} if it is no file (reading a FIFO could wait without end), or too large
 * @throws what the system reports
 */
export async function readSmallFile(path: string): Promise<{ text: string; mode: number | null }> {
  const { isFile, size, mode } = await Deno.stat(path);
  if (!isFile) throw new RangeError("it is not a file");
  if (size > BYTES_MAX) throw new RangeError(`it has more than ${BYTES_MAX} bytes`);
  return { text: await Deno.readTextFile(path), mode };
}
