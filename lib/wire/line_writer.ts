import { type Clock, SYSTEM } from "../system.ts";
import { writeAll, type Writer } from "../write_all.ts";
import { LimitError } from "./limits.ts";

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
