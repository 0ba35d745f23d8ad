/** What eviction asks of a connection. */
export interface Evictable {
  /** Requests without a reply yet. */
  readonly inFlight: number;
}

/** A set of connections with a bound, and which connection of it is evicted first. */
export class Share<T extends Evictable> {
  /** By address: its connections, idlest first, each with the time since when it is idle. */
  readonly #byAddress = new Map<string, Map<T, number>>();
  #size = 0;

  /** How many connections there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a connection that was active at `now`, in milliseconds. */
  add(connection: T, address: string, now: number): void {
    const own = this.#byAddress.get(address) ?? new Map<T, number>();
    this.#byAddress.set(address, own.set(connection, now));
    this.#size++;
  }

  /** Notes that a connection was active at `now`; does nothing if it is not here. */
  touch(connection: T, address: string, now: number): void {
    const own = this.#byAddress.get(address);
    if (own?.delete(connection)) own.set(connection, now);
  }

  /** Removes a connection, if it is here. */
  delete(connection: T, address: string): void {
    const own = this.#byAddress.get(address);
    if (!own?.delete(connection)) return;
    if (own.size === 0) this.#byAddress.delete(address);
    this.#size--;
  }

  /**
   * Removes and returns the connection to evict: of the address that takes the most, the idlest one
   * without a request in flight, or else the idlest. Returns `undefined` if there is none.
   */
  evict(now: number): T | undefined {
    const address = this.#largest(now);
    if (address === undefined) return undefined;
    const own = [...this.#byAddress.get(address)!.keys()];
    const evicted = own.find(({ inFlight }) => inFlight === 0) ?? own[0];
    this.delete(evicted, address);
    return evicted;
  }

  /** The address with the largest product of its connections and the idle time of its idlest. */
  #largest(now: number): string | undefined {
    let largest: string | undefined, most = 0;
    for (const [address, own] of this.#byAddress) {
      const [[, idleSince]] = own;
      const takes = own.size * (1 + now - idleSince);
      if (takes <= most) continue;
      most = takes;
      largest = address;
    }
    return largest;
  }
}
