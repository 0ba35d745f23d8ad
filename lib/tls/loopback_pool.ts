/**
 * The order in which peers get their loopback connections, see listener.ts.
 *
 * @module
 */

/** Both ends of a connection of this process to itself. Its owner closes both. */
export interface Loopback {
  /** The end that carries what goes over the network: TLS records. */
  readonly wire: Deno.TcpConn;
  /** The end that carries the plain text. */
  readonly plain: Deno.TlsConn;
}

/** Makes one loopback connection at a time for the TLS connections that wait. */
export class LoopbackPool {
  readonly #connect: () => Promise<Loopback>;
  readonly #waiting: PromiseWithResolvers<Loopback>[] = [];
  #serving = false;
  #newestFirst = true;

  /** @param connect makes one loopback connection; never called twice at the same time */
  constructor(connect: () => Promise<Loopback>) {
    this.#connect = connect;
  }

  /**
   * Resolves to a loopback connection when it is this caller's turn. Never settles if `ended`
   * resolves before.
   */
  get(ended: Promise<void>): Promise<Loopback> {
    const request = Promise.withResolvers<Loopback>();
    this.#waiting.push(request);
    ended.then(() => this.#withdraw(request));
    if (!this.#serving) this.#serve();
    return request.promise;
  }

  #withdraw(request: PromiseWithResolvers<Loopback>): void {
    const at = this.#waiting.lastIndexOf(request);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /**
   * Connects for one caller at a time, for the newest and the oldest in turn. Against a crowd that
   * sends the first bytes of a handshake: in the order of arrival, an honest peer would wait until
   * all of the crowd is served. Newest first alone would let the oldest wait for ever.
   * Tests: "LoopbackPool serves the newest and the oldest in turn, and nobody who has gone", and the siege "a hello alone".
   */
  async #serve(): Promise<void> {
    this.#serving = true;
    while (this.#waiting.length > 0) {
      const next = this.#newestFirst ? this.#waiting.pop()! : this.#waiting.shift()!;
      this.#newestFirst = !this.#newestFirst;
      await this.#connect().then(next.resolve, next.reject);
    }
    this.#serving = false;
  }
}
