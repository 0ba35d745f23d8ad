/** A line of 1,024 characters. */
export const KIB = "x".repeat(1023) + "\n";

/** A pipe whose reader is slow: it accepts nothing until `open()`. */
export class FullPipe {
  readonly #open = Promise.withResolvers<void>();
  /** Bytes that it has accepted. */
  written = 0;

  async write(bytes: Uint8Array): Promise<number> {
    await this.#open.promise;
    this.written += bytes.length;
    return bytes.length;
  }

  open(): void {
    this.#open.resolve();
  }
}
