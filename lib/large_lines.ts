import { unlessAborted } from "./abort.ts";
import { sleep } from "./retry.ts";
import type { Clock } from "./system.ts";
import { Turns } from "./turns.ts";

/** A longer line is a large one. */
const BYTES = 64 * 1024;

const NEVER = new AbortController().signal;

/**
 * Lines that are long to read are taken one at a time, of all connections in the order in which they
 * came, and for as long as one took nobody takes the next: so whoever asks for little has half of the
 * time at least, however many send them.
 */
export class LargeLines {
  readonly #turns = new Turns();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes a line of so many bytes, a large one in its turn. The rest behind it is not cut short where
   * the line is refused or its connection ends: whoever does that could come again at once.
   *
   * @throws the reason of `gone` where the connection ends before that
   */
  async take<T>(bytes: number, work: () => Promise<T>, gone: AbortSignal): Promise<T> {
    if (bytes <= BYTES) return await work();
    const turn = this.#turns.take(async () => {
      gone.throwIfAborted();
      const begun = this.#clock.now();
      try {
        return await work();
      } finally {
        await sleep(this.#clock.now() - begun, undefined, this.#clock);
      }
    }, NEVER);
    return await unlessAborted(turn, gone);
  }
}
