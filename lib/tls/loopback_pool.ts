/**
 * Who waits for a connection to ourselves, see `tls_listener.ts`.
 *
 * @module
 */

/** Both ends of a connection to ourselves. */
export interface Loopback {
  /** Takes and gives what goes over the wire. */
  readonly wire: Deno.TcpConn;
  /** Takes and gives what it means. */
  readonly plain: Deno.TlsConn;
}

export class LoopbackPool {
  readonly #make: () => Promise<Loopback>;
  /** Each as it is told of its loop. */
  readonly #waiting: PromiseWithResolvers<Loopback>[] = [];
  #making = false;
  #lastFirst = true;

  constructor(make: () => Promise<Loopback>) {
    this.#make = make;
  }

  /** Makes a loop in its turn, if none of it has `ended` before; never resolves otherwise. */
  get(ended: Promise<void>): Promise<Loopback> {
    const one = Promise.withResolvers<Loopback>();
    this.#waiting.push(one);
    ended.then(() => this.#withdraw(one));
    if (!this.#making) this.#serve();
    return one.promise;
  }

  #withdraw(one: PromiseWithResolvers<Loopback>): void {
    const at = this.#waiting.lastIndexOf(one);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /**
   * One after the other, so that whoever comes is the one that was called; the last and the first in
   * turn, so that of a crowd some are served at once and nobody is passed by for ever.
   */
  async #serve(): Promise<void> {
    this.#making = true;
    while (this.#waiting.length > 0) {
      const next = this.#lastFirst ? this.#waiting.pop()! : this.#waiting.shift()!;
      this.#lastFirst = !this.#lastFirst;
      await this.#make().then(next.resolve, next.reject);
    }
    this.#making = false;
  }
}
