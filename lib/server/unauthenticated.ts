/**
 * Connections that have proved nothing yet, and which of them gives way when they are too many:
 *  1. One that was refused, since all that it still gets is the end.
 *  2. Else one of the address that takes the most: as many as it has, times for how long one of them
 *     did nothing. So whoever opens many crowds out himself, and who opens a few at once for a moment
 *     is not taken for one of a crowd that has one of each address.
 *  3. Of these the one that did nothing for longest: an honest peer says `hello` and proves itself
 *     in a few milliseconds, and has for each of them as long as it takes to fill the room anew. To
 *     have said it is no merit beyond that: it takes no secret, and whoever said it long ago would
 *     outlive those who have just come.
 *  4. Where even that one has just come, nobody does: of a crowd that comes at once some get through,
 *     in place of each being crowded out by the next. This protects no address from another one.
 *
 * @module
 */

/** Who is here for less than this has just come. */
const YOUNG_MS = 10;

export class Unauthenticated<T> {
  /** Of each address those that it has, with the time since when they do nothing, in its order. */
  readonly #byAddress = new Map<string, Map<T, number>>();
  readonly #refused = new Set<T>();
  #count = 0;

  get count(): number {
    return this.#count + this.#refused.size;
  }

  add(one: T, address: string, now: number): void {
    const those = this.#byAddress.get(address) ?? new Map<T, number>();
    this.#byAddress.set(address, those.set(one, now));
    this.#count++;
  }

  /** Takes note that it has said hello. */
  greet(one: T, address: string, now: number): void {
    const those = this.#byAddress.get(address);
    if (those?.delete(one)) those.set(one, now);
  }

  /** Takes note that its connection ends. */
  refuse(one: T, address: string): void {
    this.delete(one, address);
    this.#refused.add(one);
  }

  delete(one: T, address: string): void {
    this.#refused.delete(one);
    const those = this.#byAddress.get(address);
    if (!those?.delete(one)) return;
    if (those.size === 0) this.#byAddress.delete(address);
    this.#count--;
  }

  /** Removes the one that gives way to another of this address, and gives it. */
  makeRoomFor(address: string, now: number): T | undefined {
    const [refused] = this.#refused;
    if (refused !== undefined) {
      this.#refused.delete(refused);
      return refused;
    }
    const largest = this.#largest(now);
    if (largest === undefined) return undefined;
    const [crowd, those] = largest;
    const [[oldest, since]] = those;
    const fewer = (this.#byAddress.get(address)?.size ?? 0) < those.size;
    if (!fewer && now - since < YOUNG_MS) return undefined;
    this.delete(oldest, crowd);
    return oldest;
  }

  #largest(now: number): [address: string, those: Map<T, number>] | undefined {
    let largest: [string, Map<T, number>] | undefined, most = 0;
    for (const entry of this.#byAddress) {
      const [[, since]] = entry[1];
      const takes = entry[1].size * (1 + now - since);
      if (takes <= most) continue;
      most = takes;
      largest = entry;
    }
    return largest;
  }
}
