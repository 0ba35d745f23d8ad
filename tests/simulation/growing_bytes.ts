const ROOM_BYTES_MIN = 1024;

/** Bytes that can be written behind their end. */
export class GrowingBytes {
  #buffer = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A view that holds until the next change. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** A gap in front of `at` is filled with NULs. */
  write(at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    this.#makeRoom(end);
    if (at > this.#length) this.#buffer.fill(0, this.#length, at);
    this.#buffer.set(bytes, at);
    this.#length = Math.max(this.#length, end);
  }

  truncate(length: number): void {
    this.#makeRoom(length);
    if (length > this.#length) this.#buffer.fill(0, this.#length, length);
    this.#length = length;
  }

  #makeRoom(length: number): void {
    if (length <= this.#buffer.length) return;
    const next = new Uint8Array(Math.max(ROOM_BYTES_MIN, length, 2 * this.#buffer.length));
    next.set(this.view());
    this.#buffer = next;
  }
}
