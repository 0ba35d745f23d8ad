/**
 * Who waits for a connection to ourselves, see `tls_listener.ts`.
 *
 * @module
 */

/** While more wait, one may come for each that is served: handshakes take their time. */
const WAITING_MAX = 16;

/** Both ends of a connection to ourselves. */
export interface Loop {
  /** Takes and gives what goes over the wire. */
  readonly wire: Deno.TcpConn;
  /** Takes and gives what it means. */
  readonly plain: Deno.TlsConn;
}

interface Waiting {
  isWanted(): boolean;
  resolve(loop: Loop): void;
  reject(reason: unknown): void;
}

export class Loops {
  readonly #make: () => Promise<Loop>;
  readonly #waiting: Waiting[] = [];
  #making = false;
  /** Resolves when one more is served. */
  #next = Promise.withResolvers<void>();

  constructor(make: () => Promise<Loop>) {
    this.#make = make;
  }

  /** Resolves when one more may come. */
  async room(): Promise<void> {
    if (this.#waiting.length > WAITING_MAX) await this.#next.promise;
  }

  /** Makes a loop in its turn, if it is wanted then; never resolves otherwise. */
  get(isWanted: () => boolean): Promise<Loop> {
    const { promise, resolve, reject } = Promise.withResolvers<Loop>();
    this.#waiting.push({ isWanted, resolve, reject });
    if (!this.#making) this.#serve();
    return promise;
  }

  /**
   * One after the other, so that whoever comes is the one that was called; the last first, so that of
   * a crowd some are served at once and not all of them too late.
   */
  async #serve(): Promise<void> {
    this.#making = true;
    for (let next; (next = this.#waiting.pop()) !== undefined;) {
      if (next.isWanted()) await this.#make().then(next.resolve, next.reject);
      this.#next.resolve();
      this.#next = Promise.withResolvers();
    }
    this.#making = false;
  }
}
