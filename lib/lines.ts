/**
 * Splits bytes into lines of bounded length.
 *
 * @module
 */
import { CodedError } from "./errors.ts";
import { sleep } from "./retry.ts";
import type { Clock, Duplex } from "./system.ts";

const LINE_FEED = 0x0a;
/** A read asks for this much, and for less until that is once filled: silent peers cost little. */
const BLOCK_BYTES = 64 * 1024;
const FIRST_BLOCK_BYTES = 4 * 1024;
/** After this time of working through lines that came together, other connections get a turn. */
const TURN_MS = 10;

/** Splits what it reads at line feeds; nothing but a line feed ends a line. */
export class LineReader {
  readonly #source: Pick<Duplex, "read">;
  readonly #clock: Clock | undefined;
  readonly #onResize: (moreBytes: number) => void;
  readonly #beforeRead: (lineBytes: number) => Promise<void> | undefined;
  #block = FIRST_BLOCK_BYTES;
  #buffer = new Uint8Array(FIRST_BLOCK_BYTES);
  #partialSince: number | undefined;
  readonly #dropped = new AbortController();

  /**
   * @param clock given for a connection, whose reader pauses between lines so that other connections
   * get a turn; without it the reader of a file never pauses
   * @param onResize receives by how many bytes the buffer grows; negative if it shrinks
   * @param beforeRead is called with the bytes that have come of the current line; the next read
   * waits until its promise resolves
   */
  constructor(
    source: Pick<Duplex, "read">,
    clock?: Clock,
    onResize: (moreBytes: number) => void = () => {},
    beforeRead: (lineBytes: number) => Promise<void> | undefined = () => undefined,
  ) {
    this.#source = source;
    this.#clock = clock;
    this.#onResize = onResize;
    this.#beforeRead = beforeRead;
    onResize(this.bufferBytes);
  }

  /** Size of the buffer, in bytes. */
  get bufferBytes(): number {
    return this.#buffer.length;
  }

  /** When the first byte of a line came whose end has not come yet, on `clock`. */
  get partialSince(): number | undefined {
    return this.#partialSince;
  }

  /**
   * Yields the lines, without their line feeds, until the source ends. A line is a view of the buffer
   * and only valid until the next line is requested. A last line without its end is dropped.
   *
   * @param maxBytes called before each line, since the bound may rise while reading
   * @throws {CodedError} `line_too_long` as soon as a line can't end within its bound
   */
  async *lines(maxBytes: () => number): AsyncGenerator<Uint8Array> {
    let start = 0, end = 0, scanned = 0, readAt = this.#now();
    while (true) {
      for (let at; (at = this.#buffer.subarray(0, end).indexOf(LINE_FEED, scanned)) >= 0;) {
        const line = this.#buffer.subarray(start, at);
        start = scanned = at + 1;
        this.#partialSince = undefined; // a caller that is slow with this line is not the peer's fault
        assertWithin(maxBytes(), line.length);
        yield line;
        if (start < end) this.#partialSince = this.#now();
        if (this.#now() - readAt < TURN_MS) continue;
        // If this rejects, the reader was dropped, which is checked below.
        await sleep(0, this.#dropped.signal, this.#clock).catch(() => {});
        readAt = this.#now();
      }
      if (this.#dropped.signal.aborted) return;
      scanned = end;
      assertWithin(maxBytes(), end - start);
      this.#makeRoom(start, end);
      end -= start;
      scanned -= start;
      start = 0;
      const turn = this.#beforeRead(end);
      if (turn !== undefined) await this.#waitFor(turn);
      const read = await this.#source.read(this.#buffer.subarray(end));
      readAt = this.#now();
      if (read === null) {
        this.#partialSince = undefined; // a dropped line has no end to wait for
        return;
      }
      if (read > 0) this.#partialSince ??= this.#now();
      end += read;
      if (end === this.#buffer.length) this.#block = BLOCK_BYTES;
    }
  }

  /** Ends `lines()` and frees the buffer: the connection is closed. */
  drop(): void {
    this.#dropped.abort();
    this.#resize(0);
  }

  /** Waits without counting the time as the peer's: `partialSince` moves along. */
  async #waitFor(turn: Promise<void>): Promise<void> {
    const begun = this.#now();
    await turn;
    if (this.#partialSince !== undefined) this.#partialSince += this.#now() - begun;
  }

  #now(): number {
    return this.#clock?.now() ?? 0;
  }

  /** Moves the unfinished line to the front of a buffer that has a free block after it. */
  #makeRoom(start: number, end: number): void {
    const used = end - start;
    const size = Math.max(this.#block, 2 ** Math.ceil(Math.log2(used + this.#block / 2)));
    if (start > 0) this.#buffer.copyWithin(0, start, end);
    if (size !== this.#buffer.length) this.#resize(size);
  }

  /** Frees the old buffer at once. The collector alone would let many large buffers pile up. */
  #resize(bytes: number): void {
    const more = bytes - this.#buffer.length;
    this.#buffer = new Uint8Array(this.#buffer.buffer.transfer(bytes));
    this.#onResize(more);
  }
}

function assertWithin(maxBytes: number, bytes: number): void {
  if (bytes <= maxBytes) return;
  throw new CodedError("line_too_long", `Cannot read a line of more than ${maxBytes} bytes`);
}
