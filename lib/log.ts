/**
 * Structured log lines: one JSON object each, on stderr. And how they, and results, are written.
 *
 * @module
 */
import { printableLines } from "./printable.ts";
import { writeAll, type Writer } from "./write_all.ts";

export type LogLevel = "error" | "warn" | "info";
/** Writes one event; `event` is a word such as `task_done`, `fields` must be JSON. */
export type Log = (level: LogLevel, event: string, fields?: Record<string, unknown>) => void;

/** Characters that wait for a slow stderr; what comes beyond is dropped and counted. */
const WAITING_CHARS_MAX = 1024 * 1024;
const VALUE_CHARS_MAX = 512;

/** The line, without its end, of one event. No character in it moves a terminal's cursor. */
export function logLine(
  at: Date,
  level: LogLevel,
  event: string,
  fields: Record<string, unknown> = {},
): string {
  const shorten = (_key: string, value: unknown): unknown =>
    typeof value === "string" && value.length > VALUE_CHARS_MAX
      ? value.slice(0, VALUE_CHARS_MAX) + "…"
      : value;
  return printableLines(JSON.stringify({ at, level, event, ...fields }, shorten));
}

/** Where log lines go: a writer, or a screen that has one. */
export interface LogSink {
  write(text: string): void;
  /** Writes that were lost since the last time this was asked. */
  takeDropped(): number;
}

/** Writes text without ever making its caller wait or fail: a full or closed pipe loses lines. */
export class LossyWriter implements LogSink {
  readonly #sink: Writer;
  readonly #waitingMax: number;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  #chars = 0;
  #writing: Promise<void> | undefined;
  #dropped = 0;
  #failure: Error | undefined;

  /** @param waitingMax characters that wait for a slow reader; what comes beyond is dropped */
  constructor(sink: Writer, waitingMax = WAITING_CHARS_MAX) {
    this.#sink = sink;
    this.#waitingMax = waitingMax;
  }

  /** Why a write was lost, the latest one. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether the reader has hung up: nobody will see what is written from now on. */
  get closed(): boolean {
    return this.#failure instanceof Deno.errors.BrokenPipe;
  }

  write(text: string): void {
    if (this.#chars > 0 && this.#chars + text.length > this.#waitingMax) {
      this.#dropped++;
      return;
    }
    this.#chars += text.length;
    this.#waiting.push(text);
    this.#writing ??= this.#run();
  }

  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Resolves when what waits is out, or after `ms` where that is given. */
  async flush(ms?: number): Promise<void> {
    if (ms === undefined) return await this.#writing;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([this.#writing, late]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what the same turn still writes goes along
    while (this.#waiting.length > 0) {
      const text = this.#waiting.join("");
      this.#waiting = [];
      try {
        await writeAll(this.#sink, this.#encoder.encode(text));
      } catch (error) {
        this.#dropped++; // nobody is left to tell but the counter
        this.#failure = error as Error;
      }
      this.#chars -= text.length;
    }
    this.#writing = undefined;
  }
}

/** Writes results: none is dropped for want of room, and one that could not be written is known. */
export class ResultWriter implements LogSink {
  /** For what is shown in place of results and may be lost. */
  readonly lossy: LossyWriter;
  readonly #results: LossyWriter;

  constructor(sink: Writer) {
    this.lossy = new LossyWriter(sink);
    this.#results = new LossyWriter(sink, Infinity);
  }

  /** Why a result is not out; nothing where its reader has hung up, who has all that he wants. */
  get failure(): Error | undefined {
    return this.#results.closed ? undefined : this.#results.failure;
  }

  write(text: string): void {
    this.#results.write(text);
  }

  takeDropped(): number {
    return this.lossy.takeDropped();
  }

  /** Resolves when the results are out or have failed, or after `ms` where that is given. */
  async flush(ms?: number): Promise<void> {
    await this.#results.flush(ms);
  }
}

/** A log with the fields that every line of this process carries. */
export function logTo(sink: LogSink, common: Record<string, unknown>): Log {
  return (level, event, fields) => {
    const dropped = sink.takeDropped();
    const all = { ...common, ...fields, ...(dropped > 0 ? { dropped } : {}) };
    sink.write(logLine(new Date(), level, event, all) + "\n");
  };
}
