/** What takes bytes: a connection, a file, a terminal. */
export interface Writer {
  write(bytes: Uint8Array): Promise<number>;
}

/** Writes all of `bytes`; one `write` may take only a part. */
export async function writeAll(sink: Writer, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await sink.write(bytes.subarray(done));
}
