/**
 * Connections that have proved that they hold the secret, and which of them gives way to one more when
 * they are too many: one of the address that has the most, and none of the half of these that was let
 * in first, so that whoever is in stays in, whatever comes later; of the other half one that asks for
 * nothing now, else any; of these the one that was let in first, so that whoever comes has a while.
 * To protect those that have been here for longest, half of all, is Bitcoin Core's rule for its peers.
 *
 * @module
 */

/** What is asked of a connection. */
export interface Member {
  /** Requests that have no reply yet. */
  readonly inFlight: number;
}

export class Authenticated<T extends Member> {
  /** Of each address those that it has, in the order in which they were let in. */
  readonly #byAddress = new Map<string, Set<T>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(one: T, address: string): void {
    const those = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, those.add(one));
    this.#count++;
  }

  delete(one: T, address: string): void {
    const those = this.#byAddress.get(address);
    if (!those?.delete(one)) return;
    if (those.size === 0) this.#byAddress.delete(address);
    this.#count--;
  }

  /** Removes the one that gives way, and gives it; nothing where there is none. */
  makeRoom(): T | undefined {
    let largest: [string, Set<T>] | undefined;
    for (const entry of this.#byAddress) {
      if (entry[1].size > (largest?.[1].size ?? 0)) largest = entry;
    }
    if (largest === undefined) return undefined;
    const [address, those] = largest;
    const later = [...those].slice(Math.floor(those.size / 2));
    const one = later.find(({ inFlight }) => inFlight === 0) ?? later[0];
    this.delete(one, address);
    return one;
  }
}
