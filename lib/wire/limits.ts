/**
 * The bounds that a server holds its peers to, and the bounds of these themselves.
 *
 * @module
 */
import { CodedError, type CodedErrorOptions, type ErrorCode } from "../errors.ts";

/** No line of baton/1 is longer, and no limit is set above it: every peer can read what it is sent. */
export const LINE_BYTES_MAX = 4 * 1024 * 1024;
const DEPTH_MAX = 64;
const NODES_MAX = 1_000_000;
/** After so long another try to connect may find room. */
export const BUSY_RETRY_MS = 50;

interface Limit {
  /** What holds unless told otherwise. */
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

/** All of them, as `hello` tells them. */
export const LIMIT_TABLE = {
  /** Bytes in a line, its end not counted. */
  line_bytes: { default: LINE_BYTES_MAX, min: 65_536, max: LINE_BYTES_MAX },
  /** The same before the peer has proved that it holds the secret. */
  line_bytes_before_auth: { default: 4_096, min: 1_024, max: 65_536 },
  /** Arrays and objects inside each other. */
  depth: { default: DEPTH_MAX, min: 16, max: DEPTH_MAX },
  /** Keys and values in a line, counted by its `[`, `{`, `,` and `:`. */
  nodes: { default: NODES_MAX, min: 1_000, max: NODES_MAX },
  /** Requests of one connection that have no reply yet. */
  in_flight: { default: 64, min: 1, max: 1_024 },
  /** In all; those before the proof never take the room of the others. */
  connections: { default: 2_400, min: 2, max: 65_536 },
  /** Those of them that have not proved that they hold the secret; with 1024 descriptors some stay. */
  connections_before_auth: { default: 900, min: 1, max: 65_535 },
  /** Lines that are not empty before the proof, which is one of them. */
  requests_before_auth: { default: 16, min: 2, max: 1_000 },
  /** From the connection's start to the end of `auth`. */
  auth_ms: { default: 2_000, min: 100, max: 60_000 },
  /** From a line's first byte to its last. */
  line_ms: { default: 10_000, min: 100, max: 600_000 },
  /** One write that the peer does not take. */
  write_ms: { default: 10_000, min: 100, max: 600_000 },
  /** Nothing heard and nothing in flight; at least twice the time between two pings. */
  idle_ms: { default: 120_000, min: 20_000, max: 86_400_000 },
  /** Characters of replies that the peer has not taken yet. */
  unread_bytes: { default: 16 * 1024 * 1024, min: 65_536, max: 256 * 1024 * 1024 },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMIT_TABLE;
export type Limits = { readonly [name in LimitName]: number };
export const LIMIT_NAMES = Object.keys(LIMIT_TABLE) as LimitName[];

/** What holds unless told otherwise. */
export const LIMITS = perLimit((name) => LIMIT_TABLE[name].default) as Limits;

/** A value for each limit. */
export function perLimit<T>(value: (name: LimitName) => T): Record<LimitName, T> {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, value(name)])) as Record<LimitName, T>;
}

/** A peer went beyond a limit. */
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

/** What a connection is told that there is no room for; it may come again at once. */
export function tooManyConnections(
  limit: "connections" | "connections_before_auth",
): LimitError {
  const message = "Cannot keep this connection: too many are open";
  return new LimitError(limit, "busy", message, { afterMs: BUSY_RETRY_MS });
}
