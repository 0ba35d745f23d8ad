/**
 * The limits that a server holds its peers to: their defaults, and the range of each setting.
 *
 * @module
 */
import { CodedError, type CodedErrorOptions, type ErrorCode } from "../errors.ts";

/** The longest line of baton/1, in bytes. No setting is higher, so every peer can read every line. */
export const LINE_BYTES_MAX = 4 * 1024 * 1024;
const DEPTH_MAX = 64;
const NODES_MAX = 1_000_000;
/** After this time a client that was told `busy` may try to connect again. */
export const BUSY_RETRY_MS = 50;

interface Limit {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

/** All limits, as `hello` names them. */
export const LIMIT_TABLE = {
  /** Bytes of a line, its line feed not counted. */
  line_bytes: { default: LINE_BYTES_MAX, min: 65_536, max: LINE_BYTES_MAX },
  /** The same before the peer has proved that it holds the secret. */
  line_bytes_before_auth: { default: 4_096, min: 1_024, max: 65_536 },
  /** Arrays and objects inside each other. */
  depth: { default: DEPTH_MAX, min: 16, max: DEPTH_MAX },
  /** Keys and values in a line, counted by its `[`, `{`, `,` and `:`. */
  nodes: { default: NODES_MAX, min: 1_000, max: NODES_MAX },
  /** Requests of one connection that have no reply yet. */
  in_flight: { default: 64, min: 1, max: 1_024 },
  /** Connections in all. */
  connections: { default: 2_400, min: 2, max: 65_536 },
  /** Connections that have not proved the secret; 900 leave room for others with 1,024 descriptors. */
  connections_before_auth: { default: 900, min: 1, max: 65_535 },
  /** Lines before the proof, empty ones not counted, the proof included. */
  requests_before_auth: { default: 16, min: 2, max: 1_000 },
  /** From the connection's start to the end of `auth`, in ms, as all that follow. */
  auth_ms: { default: 2_000, min: 100, max: 60_000 },
  /** From a line's first byte to its last. */
  line_ms: { default: 10_000, min: 100, max: 600_000 },
  /** How long a reply may wait unread. */
  write_ms: { default: 10_000, min: 100, max: 600_000 },
  /** How long a connection may be idle; at least twice the time between two pings. */
  idle_ms: { default: 120_000, min: 20_000, max: 86_400_000 },
  /** Characters of replies that the peer has not read yet. */
  unread_bytes: { default: 16 * 1024 * 1024, min: 65_536, max: 256 * 1024 * 1024 },
} as const satisfies Record<string, Limit>;

/** The name of a limit. */
export type LimitName = keyof typeof LIMIT_TABLE;
/** A value for each limit. */
export type Limits = { readonly [name in LimitName]: number };
/** All names, in the order of the table. */
export const LIMIT_NAMES = Object.keys(LIMIT_TABLE) as LimitName[];

/** The default of each limit. */
export const LIMITS = perLimit((name) => LIMIT_TABLE[name].default) as Limits;

/** Makes a record with a value for each limit. */
export function perLimit<T>(value: (name: LimitName) => T): Record<LimitName, T> {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, value(name)])) as Record<LimitName, T>;
}

/** A peer exceeded a limit. */
export class LimitError extends CodedError {
  constructor(
    readonly limit: LimitName,
    code: ErrorCode,
    message: string,
    options?: CodedErrorOptions,
  ) {
    super(code, message, options);
  }
}

/** The error for a connection that there is no room for; its peer may try again after `after_ms`. */
export function tooManyConnections(
  limit: "connections" | "connections_before_auth",
): LimitError {
  const message = "Cannot keep this connection: too many are open";
  return new LimitError(limit, "busy", message, { afterMs: BUSY_RETRY_MS });
}
