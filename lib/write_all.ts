/** A sink for bytes: a connection, a file, a terminal. */
export interface Writer {
  /** Returns how many bytes were written; they may be fewer than given. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Writes all of `bytes`, with several `write()` calls if need be. */
export async function writeAll(sink: Writer, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await sink.write(bytes.subarray(written));
  }
}
