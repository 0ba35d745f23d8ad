const BUFFER_BYTES_MIN = 1024;

/** A byte array that grows when it is written past its end. */
export class GrowingBytes {
  #buffer = new Uint8Array(0);
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  /** Returns a view of the content, which is valid until the next change. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Writes the bytes at offset `at`; fills a gap before it with NULs. */
  write(at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    this.#reserve(end);
    if (at > this.#length) this.#buffer.fill(0, this.#length, at);
    this.#buffer.set(bytes, at);
    this.#length = Math.max(this.#length, end);
  }

  /** Cuts the content to `length` bytes, or extends it with NULs. */
  truncate(length: number): void {
    this.#reserve(length);
    if (length > this.#length) this.#buffer.fill(0, this.#length, length);
    this.#length = length;
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.length) return;
    const next = new Uint8Array(Math.max(BUFFER_BYTES_MIN, length, 2 * this.#buffer.length));
    next.set(this.view());
    this.#buffer = next;
  }
}
