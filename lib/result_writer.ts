import { LossyWriter } from "./lossy_writer.ts";
import type { LogSink } from "./log.ts";
import type { Writer } from "./write_all.ts";

/** Writes results: none is dropped for lack of room, and a failure to write is known. */
export class ResultWriter implements LogSink {
  /** For what is shown in place of results and may be lost, such as the dashboard. */
  readonly lossy: LossyWriter;
  readonly #results: LossyWriter;

  constructor(sink: Writer) {
    this.lossy = new LossyWriter(sink);
    this.#results = new LossyWriter(sink, Infinity);
  }

  /**
   * Why a result was not written; `undefined` if all were. A reader that hangs up is no failure: it
   * has all that it wants.
   */
  get failure(): Error | undefined {
    return this.#results.closed ? undefined : this.#results.failure;
  }

  write(text: string): void {
    this.#results.write(text);
  }

  takeDropped(): number {
    return this.lossy.takeDropped();
  }

  /** Resolves when the results are written or have failed, at the latest after `ms` if given. */
  async flush(ms?: number): Promise<void> {
    await this.#results.flush(ms);
  }
}
