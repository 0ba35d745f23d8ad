import { unlessAborted } from "../abort.ts";
import { sleep } from "../retry.ts";
import type { Clock } from "../system.ts";
import { Mutex } from "../mutex.ts";

/** A longer line is a large one. */
const BYTES = 64 * 1024;
/** While several lines grow large, a block of one of them is read in so long. */
const BLOCK_MS = 1;

const NEVER = new AbortController().signal;

/**
 * Large lines of all connections are taken one at a time, in the order in which they ended, and for as
 * long as one took nobody takes the next: so whoever asks for little has half of the time at least,
 * however many send them. While they come their blocks are read one by one as well.
 */
export class LargeLines implements Disposable {
  readonly #turns = new Mutex();
  readonly #blocks = new Mutex();
  readonly #clock: Clock;
  readonly #over = new AbortController();
  /** The connection whose large line was read last. */
  #reader: AbortSignal | undefined;
  #waiting = 0;

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
    const turn = this.#turns.run(async () => {
      gone.throwIfAborted();
      const begun = this.#clock.now();
      try {
        return await work();
      } finally {
        await this.#rest(this.#clock.now() - begun);
      }
    }, NEVER);
    return await unlessAborted(turn, gone);
  }

  /**
   * Resolves when the next block may be read of a line that has so many bytes; nothing where it may be
   * at once, as there is no other large one. A process that finds something to read each time does not
   * look for what is new: so its loop is let run dry between two blocks.
   *
   * @param gone aborts when the connection ends, and stands for it
   * @throws its reason
   */
  nextBlock(bytes: number, gone: AbortSignal): Promise<void> | undefined {
    if (bytes <= BYTES) return undefined;
    const alone = this.#waiting === 0 && this.#reader === gone;
    this.#reader = gone;
    if (alone) return undefined;
    this.#waiting++;
    const turn = this.#blocks.run(() => this.#rest(BLOCK_MS), NEVER)
      .finally(() => this.#waiting--);
    return unlessAborted(turn, gone);
  }

  /** Ends what is left of a rest. */
  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, this.#over.signal, this.#clock).catch(() => {}); // nobody comes any more
  }
}
