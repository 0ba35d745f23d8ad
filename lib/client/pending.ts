/**
 * Which requests of one connection wait for a reply, and which replies the server still owes to
 * requests that were given up.
 *
 * @module
 */
import type { CodedError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { fromWire, type Reply } from "../wire/protocol.ts";

/** Ids of given-up requests to which the server still owes a reply. */
const ABANDONED_MAX = 1_000;
/** Replies to ids that nobody has sent, before the server is taken for broken. */
const STRAY_REPLIES_MAX = 3;

/** The requests of one connection, by id. */
export class PendingRequests {
  readonly #waiting = new Map<string, PromiseWithResolvers<JsonObject>>();
  /** By id, the number of replies that the server owes to attempts that were given up. */
  readonly #abandoned = new Map<string, number>();
  #strays = 0;

  /** Number of requests that wait for a reply. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether the server owes too many replies, or has sent too many that nobody asked for. */
  get isOverrun(): boolean {
    return this.#abandoned.size > ABANDONED_MAX || this.#strays > STRAY_REPLIES_MAX;
  }

  /**
   * Adds a request. The promise settles with its reply, or with the error of `abandon` or
   * `rejectAll`.
   *
   * @throws {TypeError} if a request with this id waits already
   */
  add(id: string): Promise<JsonObject> {
    if (this.#waiting.has(id)) {
      throw new TypeError(`Cannot send id "${id}": a request with this id waits for its reply`);
    }
    const request = Promise.withResolvers<JsonObject>();
    this.#waiting.set(id, request);
    return request.promise;
  }

  /** Forgets a request without settling it. */
  delete(id: string): void {
    this.#waiting.delete(id);
  }

  /** Gives a request up: rejects it, and ignores its reply when that comes later. */
  abandon(id: string, error: CodedError): void {
    this.#waiting.get(id)?.reject(error);
    this.#waiting.delete(id);
    this.#expectLateReply(id);
  }

  /** Settles the request that the reply belongs to. */
  settle(id: string, reply: Reply): void {
    const request = this.#waiting.get(id);
    const owed = this.#abandoned.get(id) ?? 0;
    if (owed > 1) this.#abandoned.set(id, owed - 1);
    else this.#abandoned.delete(id);
    if (owed > 0) {
      // The reply belongs to an earlier attempt. Attempts with one id share their answer, so a good
      // one settles the current attempt too; an error may concern the earlier attempt only.
      if (request === undefined || !reply.ok) return;
      this.#expectLateReply(id);
    }
    if (request === undefined) this.#strays++;
    else if (reply.ok) request.resolve(reply.body);
    else request.reject(fromWire(reply.error));
  }

  /** Rejects every request that waits. */
  rejectAll(error: CodedError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }

  #expectLateReply(id: string): void {
    this.#abandoned.set(id, (this.#abandoned.get(id) ?? 0) + 1);
  }
}
