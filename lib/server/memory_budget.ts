import type { JsonObject } from "../json.ts";
import { estimateBytes } from "../json_size.ts";

/** Of all requests in flight, in bytes: a quarter of a role's heap. */
const BYTES_MAX = 64 * 1024 * 1024;
/** What a request takes beside its body: promises, a timer, who waits for it. */
const REQUEST_BYTES = 8 * 1024;
/** A request up to this size is always accepted if it is its connection's only one. */
const SMALL_BYTES = 64 * 1024;

/**
 * Bounds the memory that the requests in flight take, of all connections together. A line may take
 * twenty times its bytes once it is parsed, so limits for each connection would let a few connections
 * fill the heap. Against peers that hold the secret; shown by `tests/lib/server/memory_budget_test.ts`.
 */
export class MemoryBudget {
  #bytes = 0;

  /**
   * Reserves memory for a request, until the returned function is called. A request that is alone is
   * accepted whatever its size: a line has limits of its own.
   *
   * @param first whether the connection has no other request in flight
   * @returns `undefined` if the budget is used up
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
