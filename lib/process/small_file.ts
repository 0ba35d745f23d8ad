/** More than any secret or certificate has. */
const BYTES_MAX = 256 * 1024;

/**
 * Reads a file that someone has named; links are followed, as container engines mount secrets behind
 * some.
 *
 * @throws {RangeError} where it is no file, as a FIFO that would be waited for without end, or too
 * large
 * @throws what the system says
 */
export async function readSmallFile(path: string): Promise<{ text: string; mode: number | null }> {
  const { isFile, size, mode } = await Deno.stat(path);
  if (!isFile) throw new RangeError("it is not a file");
  if (size > BYTES_MAX) throw new RangeError(`it has more than ${BYTES_MAX} bytes`);
  return { text: await Deno.readTextFile(path), mode };
}
