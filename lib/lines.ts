/**
 * Bytes to lines and lines to bytes, each within a bound.
 *
 * @module
 */
import { CodedError } from "./errors.ts";
import { LimitError } from "./wire/limits.ts";
import { sleep } from "./retry.ts";
import { type Clock, type Duplex, SYSTEM } from "./system.ts";
import { refuseTls } from "./tls/client_hello.ts";
import { writeAll, type Writer } from "./write_all.ts";

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
   * @throws {CodedError} `line_too_long` as soon as a line can't end within its bound, `bad_json`
   * where the peer speaks TLS
   */
  async *lines(maxBytes: () => number): AsyncGenerator<Uint8Array> {
    let start = 0, end = 0, scanned = 0, begun = false, readAt = this.#now();
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
      if (!begun) refuseTls(this.#buffer[0]);
      begun = true;
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

/** Writes lines whole and in order, those that wait joined into one write. */
export class LineWriter {
  readonly #sink: Writer;
  readonly #maxUnread: number;
  readonly #clock: Clock;
  readonly #onUnread: (chars: number) => void;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  #unread = 0;
  #writing: Promise<void> | undefined;
  #since: number | undefined;
  #error: unknown;

  /**
   * @param maxUnread characters that may wait for the peer to take them
   * @param onUnread is told how many more wait, or how many fewer
   */
  constructor(
    sink: Writer,
    maxUnread: number,
    clock = SYSTEM.clock,
    onUnread: (chars: number) => void = () => {},
  ) {
    this.#sink = sink;
    this.#maxUnread = maxUnread;
    this.#clock = clock;
    this.#onUnread = onUnread;
  }

  /** Characters that wait for the peer to take them. */
  get unread(): number {
    return this.#unread;
  }

  /** When the write began that the peer has not taken yet. */
  get blockedSince(): number | undefined {
    return this.#since;
  }

  /**
   * Puts a line, its end included, behind those that wait.
   *
   * @throws {LimitError} `slow_reader` when too much waits already
   * @throws what an earlier write threw
   */
  write(line: string): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#unread > 0 && this.#unread + line.length > this.#maxUnread) {
      const message = `Cannot send: ${this.#unread} characters wait unread`;
      throw new LimitError("unread_bytes", "slow_reader", message);
    }
    this.#waiting.push(line);
    this.#writing ??= this.#run();
    this.#count(line.length);
  }

  /** Resolves when everything is written or a write has failed. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  /** Lets go of all that waits: the peer is gone. */
  drop(): void {
    this.#error ??= new Error("The connection is closed");
    this.#waiting = [];
    this.#count(-this.#unread);
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what the same turn still writes goes along
    try {
      while (this.#waiting.length > 0) {
        const text = this.#waiting.join("");
        this.#waiting = [];
        this.#since = this.#clock.now();
        await writeAll(this.#sink, this.#encoder.encode(text));
        this.#since = undefined;
        if (this.#unread > 0) this.#count(-text.length);
      }
    } catch (error) {
      this.#error = error; // the next write throws it, and so the connection's owner learns of it
    } finally {
      this.#writing = undefined;
    }
  }

  #count(chars: number): void {
    this.#unread += chars;
    this.#onUnread(chars);
  }
}
