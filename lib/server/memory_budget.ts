/**
 * What the requests that are being answered take of memory, on all connections together. Each is held
 * until its reply, and a line may take twenty times its bytes once it is read, so limits of each
 * connection alone let a few of them fill the heap.
 *
 * @module
 */
import type { JsonObject } from "../json.ts";
import { estimateBytes } from "../json_size.ts";

/** Of all requests, in bytes: a quarter of the heap that a role has. */
const BYTES_MAX = 64 * 1024 * 1024;
/** What a request takes beside its body: its promises, a timer, who waits for it. */
const REQUEST_BYTES = 8 * 1024;
/** Up to this size one of a connection is always taken: who asks for little is not kept out. */
const SMALL_BYTES = 64 * 1024;

export class MemoryBudget {
  #bytes = 0;

  /**
   * Takes a request into hand and gives what lets go of it; nothing where there is no room. There is
   * for one by itself, however large: a line has its own limits.
   *
   * @param first whether its connection has no other in hand
   */
  reserve(body: JsonObject, first: boolean): (() => void) | undefined {
    const bytes = REQUEST_BYTES + estimateBytes(body);
    const fits = this.#bytes === 0 || this.#bytes + bytes <= BYTES_MAX ||
      (first && bytes <= SMALL_BYTES);
    if (!fits) return undefined;
    this.#bytes += bytes;
    return () => void (this.#bytes -= bytes);
  }
}
