import type { LogSink } from "./log.ts";
import { writeAll, type Writer } from "./write_all.ts";

/** The default for characters that wait for a slow reader: about 1 MB of log lines. */
const QUEUED_CHARS_MAX = 1024 * 1024;

/** Writes text and never makes its caller wait or fail: a full or closed pipe loses lines. */
export class LossyWriter implements LogSink {
  readonly #sink: Writer;
  readonly #queuedMax: number;
  readonly #encoder = new TextEncoder();
  #queue: string[] = [];
  /** Characters that are queued or being written. */
  #chars = 0;
  #writing: Promise<void> | undefined;
  #dropped = 0;
  #failure: Error | undefined;

  /** @param queuedMax characters that may wait for a slow reader; further writes are dropped */
  constructor(sink: Writer, queuedMax = QUEUED_CHARS_MAX) {
    this.#sink = sink;
    this.#queuedMax = queuedMax;
  }

  /** Why the latest lost write failed; `undefined` if none has failed. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether the reader has hung up: nobody sees what is written from now on. */
  get closed(): boolean {
    return this.#failure instanceof Deno.errors.BrokenPipe;
  }

  write(text: string): void {
    if (this.#chars > 0 && this.#chars + text.length > this.#queuedMax) {
      this.#dropped++;
      return;
    }
    this.#chars += text.length;
    this.#queue.push(text);
    this.#writing ??= this.#run();
  }

  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Resolves when the queue is written, at the latest after `ms` if that is given. Never rejects. */
  async flush(ms?: number): Promise<void> {
    if (ms === undefined) return await this.#writing;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([this.#writing, late]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // joins what else is written in this turn
    while (this.#queue.length > 0) {
      const text = this.#queue.join("");
      this.#queue = [];
      try {
        await writeAll(this.#sink, this.#encoder.encode(text));
      } catch (error) {
        this.#dropped++; // the next log line reports the count
        this.#failure = error as Error;
      }
      this.#chars -= text.length;
    }
    this.#writing = undefined;
  }
}
