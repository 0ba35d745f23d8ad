import type { Clock } from "./system.ts";
import { sleep } from "./retry.ts";
import { Turns } from "./turns.ts";

/** A longer line is a large one. */
const BYTES = 64 * 1024;

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
   * Takes a line of so many bytes, a large one in its turn, which ends with a rest.
   *
   * @throws the reason of `gone` where the connection ends before that
   */
  async take<T>(bytes: number, work: () => Promise<T>, gone: AbortSignal): Promise<T> {
    if (bytes <= BYTES) return await work();
    return await this.#turns.take(async () => {
      const begun = this.#clock.now();
      const outcome = await work();
      await sleep(this.#clock.now() - begun, gone, this.#clock);
      return outcome;
    }, gone);
  }
}
