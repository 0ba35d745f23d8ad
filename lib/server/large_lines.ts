import { Mutex } from "../mutex.ts";
import { sleep } from "../retry.ts";
import type { Clock } from "../system.ts";

/** A longer line is a large one. */
const LARGE_BYTES = 64 * 1024;
/** From one block of a large line to the next, while several large lines arrive. */
const BLOCK_MS = 1;

/**
 * Keeps small requests fast while other connections send lines of megabytes. Against peers that hold
 * the secret and send nothing but large lines; shown by the kinds "large lines", "many keys" and "large
 * requests" of `deno task siege`.
 *
 *  1. One large line is handled at a time, in the order in which the lines ended.
 *  2. After each, the next waits for as long as that one took. So small requests have half of the time.
 *  3. While several large lines arrive, their blocks are read one by one, one each millisecond.
 */
export class LargeLines implements Disposable {
  readonly #lines = new Mutex();
  readonly #blocks = new Mutex();
  readonly #clock: Clock;
  readonly #over = new AbortController();
  /** The connection that read a large line's block last, by its signal. */
  #lastReader: AbortSignal | undefined;
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `work` on a line of `bytes` bytes: at once if it is small, else by rules 1 and 2. The wait of
   * rule 2 is not cut short if the line is refused or its connection ends: the peer could come back at
   * once and send the next.
   *
   * @throws the reason of `ended`, if the connection ends before its turn
   */
  async take<T>(bytes: number, work: () => Promise<T>, ended: AbortSignal): Promise<T> {
    if (bytes <= LARGE_BYTES) return await work();
    return await this.#lines.run(async () => {
      const begun = this.#clock.now();
      try {
        return await work();
      } finally {
        await this.#rest(this.#clock.now() - begun);
      }
    }, ended);
  }

  /**
   * Rule 3. Returns nothing if the next block may be read at once: the line has few `bytes` so far, or
   * no other connection sends a large one. The event loop runs dry between two blocks; a process that
   * always finds something to read would accept no connections.
   *
   * @param ended aborts when the connection ends, and identifies it
   * @returns a promise that throws the reason of `ended`
   */
  nextBlock(bytes: number, ended: AbortSignal): Promise<void> | undefined {
    if (bytes <= LARGE_BYTES) return undefined;
    const alone = this.#waiting === 0 && this.#lastReader === ended;
    this.#lastReader = ended;
    if (alone) return undefined;
    this.#waiting++;
    return this.#blocks.run(() => this.#rest(BLOCK_MS), ended).finally(() => this.#waiting--);
  }

  /** Ends all waiting: the server is closed. */
  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, this.#over.signal, this.#clock).catch(() => {}); // the server is closed
  }
}
