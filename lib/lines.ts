/**
 * Bytes to lines, within a bound.
 *
 * @module
 */
import { CodedError } from "./errors.ts";
import { sleep } from "./retry.ts";
import type { Clock, Duplex } from "./system.ts";

const LINE_FEED = 0x0a;
/** What is read at once; less as long as the peer sends less, so that who is silent costs little. */
const BLOCK_BYTES = 64 * 1024;
const FIRST_BLOCK_BYTES = 4 * 1024;
/** Lines that have come together are taken for so long, then others have a turn. */
const TURN_MS = 10;

/** Splits what it reads at line feeds; nothing but a line feed ends a line. */
export class LineReader {
  readonly #source: Pick<Duplex, "read">;
  readonly #clock: Clock | undefined;
  readonly #onHeld: (bytes: number) => void;
  readonly #mayRead: (bytes: number) => Promise<void> | undefined;
  #block = FIRST_BLOCK_BYTES;
  #buffer = new Uint8Array(FIRST_BLOCK_BYTES);
  #since: number | undefined;
  readonly #dropped = new AbortController();

  /**
   * @param clock of a connection, whose lines give others a turn; those of a file give none
   * @param onHeld is told how many bytes more, or fewer, are held for what comes
   * @param mayRead resolves when more may be read of a line that has so many bytes
   */
  constructor(
    source: Pick<Duplex, "read">,
    clock?: Clock,
    onHeld: (bytes: number) => void = () => {},
    mayRead: (bytes: number) => Promise<void> | undefined = () => undefined,
  ) {
    this.#source = source;
    this.#clock = clock;
    this.#onHeld = onHeld;
    this.#mayRead = mayRead;
    onHeld(this.held);
  }

  /** Bytes that are held for what comes. */
  get held(): number {
    return this.#buffer.length;
  }

  /** When the first byte of a line came that has not ended yet. */
  get partialSince(): number | undefined {
    return this.#since;
  }

  /**
   * Gives the lines, without their ends, until the source ends. A line is a view that holds until
   * the next one is asked for. An unfinished line at the end is dropped.
   *
   * @param maxBytes asked before each line, since the bound may rise while reading
   * @throws {CodedError} `line_too_long` as soon as a line can't end within its bound
   */
  async *lines(maxBytes: () => number): AsyncGenerator<Uint8Array> {
    let start = 0, end = 0, scanned = 0, readAt = this.#now();
    while (true) {
      for (let at; (at = this.#buffer.subarray(0, end).indexOf(LINE_FEED, scanned)) >= 0;) {
        const line = this.#buffer.subarray(start, at);
        start = scanned = at + 1;
        this.#since = undefined; // who waits for this one's turn does not wait for the next
        refuseOver(maxBytes(), line.length);
        yield line;
        if (start < end) this.#since = this.#now();
        if (this.#now() - readAt < TURN_MS) continue;
        await sleep(0, this.#dropped.signal, this.#clock).catch(() => {}); // the end is noticed below
        readAt = this.#now();
      }
      if (this.#dropped.signal.aborted) return;
      scanned = end;
      refuseOver(maxBytes(), end - start);
      this.#makeRoom(start, end);
      end -= start;
      scanned -= start;
      start = 0;
      const turn = this.#mayRead(end);
      if (turn !== undefined) await this.#await(turn);
      const read = await this.#source.read(this.#buffer.subarray(end));
      readAt = this.#now();
      if (read === null) {
        this.#since = undefined; // nobody waits for the end of what is dropped
        return;
      }
      if (read > 0) this.#since ??= this.#now();
      end += read;
      if (end === this.#buffer.length) this.#block = BLOCK_BYTES;
    }
  }

  /** Lets go of what has come: the connection is closed. */
  drop(): void {
    this.#dropped.abort();
    this.#resize(0);
  }

  /** The time that a line takes is its peer's; this is ours. */
  async #await(turn: Promise<void>): Promise<void> {
    const asked = this.#now();
    await turn;
    if (this.#since !== undefined) this.#since += this.#now() - asked;
  }

  #now(): number {
    return this.#clock?.now() ?? 0;
  }

  /** Moves what is left to the front, in a buffer that has a free block behind it. */
  #makeRoom(start: number, end: number): void {
    const left = end - start;
    const block = this.#block;
    const room = Math.max(block, 2 ** Math.ceil(Math.log2(left + block / 2)));
    if (start > 0) this.#buffer.copyWithin(0, start, end);
    if (room !== this.#buffer.length) this.#resize(room);
  }

  /** Frees what is too much at once: of many large buffers the collector would let too many stand. */
  #resize(bytes: number): void {
    const more = bytes - this.#buffer.length;
    this.#buffer = new Uint8Array(this.#buffer.buffer.transfer(bytes));
    this.#onHeld(more);
  }
}

function refuseOver(maxBytes: number, bytes: number): void {
  if (bytes <= maxBytes) return;
  throw new CodedError("line_too_long", `Cannot read a line of more than ${maxBytes} bytes`);
}
