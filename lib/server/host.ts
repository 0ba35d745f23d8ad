/**
 * What a session asks of the server that it belongs to. A session knows its own connection alone; what
 * depends on the other connections is decided here.
 *
 * @module
 */
import type { JsonObject } from "../json.ts";
import type { LimitName } from "../wire/limits.ts";

/** Follows the life of a connection, to decide which connections are kept. */
export interface AdmissionHost {
  /** The peer said `hello`. */
  onHello(): void;
  /** The peer has proved that it holds the secret. */
  onAuthenticated(): void;
  /** The proof was wrong. Returns for how many milliseconds the reply is delayed. */
  onAuthFailure(): number;
  /** A request was answered. */
  onAnswered(): void;
  /** The connection failed for want of file descriptors. */
  onOutOfDescriptors(): void;
  /** The peer went beyond a limit. */
  onLimitExceeded(limit: LimitName): void;
}

/** Bounds what all connections take together. */
export interface BudgetHost {
  /**
   * Reserves memory for a request until the returned function is called.
   *
   * @param first whether the connection has no other request in flight
   * @returns `undefined` if there is no memory left
   */
  reserve(body: JsonObject, first: boolean): (() => void) | undefined;
  /** Runs `work` on a line of `bytes` bytes, a large line in its turn. */
  takeLine<T>(bytes: number, work: () => Promise<T>, ended: AbortSignal): Promise<T>;
  /** Resolves when more of a line that has `bytes` bytes so far may be read; nothing if at once. */
  nextBlock(bytes: number, ended: AbortSignal): Promise<void> | undefined;
  /** The buffer for incoming lines has grown by `bytes`, or shrunk. */
  onBuffered(bytes: number): void;
  /** The replies that the peer has not read yet have grown by `chars` characters, or shrunk. */
  onUnread(chars: number): void;
}

/** Everything that a session asks of its server. */
export type Host = AdmissionHost & BudgetHost;
