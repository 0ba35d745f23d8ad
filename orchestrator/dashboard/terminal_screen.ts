import type { LogSink } from "../../lib/log.ts";
import type { LossyWriter } from "../../lib/lossy_writer.ts";
import { withoutWrapping } from "./terminal.ts";

/**
 * Keeps a block of lines at the bottom of a terminal. What is written, such as the log, scrolls by
 * above it.
 */
export class TerminalScreen implements LogSink {
  readonly #terminal: Pick<LossyWriter, "write" | "takeDropped" | "closed">;
  #block: string[] = [];

  /** @param terminal belongs to the caller */
  constructor(terminal: Pick<LossyWriter, "write" | "takeDropped" | "closed">) {
    this.#terminal = terminal;
  }

  /** Whether the terminal has hung up. */
  get closed(): boolean {
    return this.#terminal.closed;
  }

  /** Writes whole lines above the block. */
  write(text: string): void {
    this.#terminal.write(this.#eraseBlock() + text + this.#drawBlock());
  }

  /** Returns how many writes were lost since the last call. */
  takeDropped(): number {
    return this.#terminal.takeDropped();
  }

  /** Replaces the block. */
  show(lines: string[]): void {
    const erase = this.#eraseBlock();
    this.#block = lines;
    this.#terminal.write(erase + this.#drawBlock());
  }

  #eraseBlock(): string {
    return this.#block.length === 0 ? "" : `\x1b[${this.#block.length}A\x1b[0J`;
  }

  #drawBlock(): string {
    return withoutWrapping(this.#block.map((line) => line + "\n").join(""));
  }
}
