import { type Clock, SYSTEM } from "../system.ts";
import { writeAll, type Writer } from "../write_all.ts";
import { LimitError } from "./limits.ts";

/** Writes lines whole and in order; lines that wait are joined into one write. */
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
   * @param maxUnread characters that may wait for the peer to read them
   * @param onUnread is called with the change in waiting characters, which may be negative
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

  /** Characters that wait for the peer to read them. */
  get unread(): number {
    return this.#unread;
  }

  /** When the write began that the peer has not read yet, in ms; `undefined` if none waits. */
  get blockedSince(): number | undefined {
    return this.#since;
  }

  /**
   * Appends a line, its line feed included.
   *
   * @throws {LimitError} `slow_reader` if too many characters wait already
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

  /** Resolves when all lines are written or a write has failed. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  /** Drops all lines that wait: the peer is gone. */
  drop(): void {
    this.#error ??= new Error("The connection is closed");
    this.#waiting = [];
    this.#count(-this.#unread);
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // lines of the same turn join this write
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
      this.#error = error; // the next write throws it, and so the session learns of it
    } finally {
      this.#writing = undefined;
    }
  }

  #count(chars: number): void {
    this.#unread += chars;
    this.#onUnread(chars);
  }
}
