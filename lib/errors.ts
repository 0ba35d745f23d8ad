/**
 * The closed list of error codes. A code is part of the protocol; the message beside it is not.
 *
 * @module
 */

/**
 * What a caller may do about an error: give up (`no`), retry at once (`now`), retry after a while
 * (`after`), or retry with the same id, because the outcome is unknown (`unknown`).
 */
export type Retry = "no" | "now" | "after" | "unknown";

interface Code {
  readonly retry: Retry;
  /** The work may have run, or may still be running. */
  readonly maybeDone?: true;
  /** The connection is closed after the reply: its framing or its peer can't be trusted. */
  readonly closes?: true;
}

const CODES = {
  bad_json: { retry: "no", closes: true },
  bad_request: { retry: "no" },
  unsupported_version: { retry: "no" },
  unknown_type: { retry: "no" },
  line_too_long: { retry: "no", closes: true },
  too_many_in_flight: { retry: "after" },

  auth_required: { retry: "no" },
  auth_failed: { retry: "no", closes: true },

  invalid_input: { retry: "no" },
  unknown_pipeline: { retry: "no" },
  not_found: { retry: "no" },
  conflict: { retry: "no" },

  already_final: { retry: "no" },
  not_cancellable: { retry: "no" },

  busy: { retry: "after" },
  queue_full: { retry: "after" },
  paused: { retry: "after" },
  draining: { retry: "after" },
  slow_reader: { retry: "after", closes: true },

  deadline_exceeded: { retry: "unknown", maybeDone: true },
  cancelled: { retry: "no" },

  handler_failed: { retry: "now" },
  handler_rejected: { retry: "no" },
  bad_output: { retry: "no" },
  agent_unreachable: { retry: "unknown", maybeDone: true },

  storage_failed: { retry: "unknown", maybeDone: true },
  storage_full: { retry: "after" },

  internal: { retry: "unknown", maybeDone: true },
} as const satisfies Record<string, Code>;

/** A code of the table. */
export type ErrorCode = keyof typeof CODES;
/** Every code, in the order of the table. */
export const ERROR_CODES = Object.keys(CODES) as ErrorCode[];

/** The default wait before a retry, if the advice is `after`. */
const DEFAULT_AFTER_MS = 200;

/** Returns what a code tells its caller to do. */
export function advice(code: ErrorCode): Code {
  return CODES[code];
}

/** What a `CodedError` may carry besides its code. */
export interface CodedErrorOptions extends ErrorOptions {
  /** Wait before the retry, in milliseconds; only counts if the code's advice is `after`. */
  afterMs?: number;
  /** Whether the work may have run; by default the code decides. */
  maybeDone?: boolean;
  /** Paths and reasons, for `invalid_input`. */
  details?: string[];
}

/** An expected failure, with a code that may cross the wire. */
export class CodedError extends Error {
  override readonly name = "CodedError";
  readonly code: ErrorCode;
  readonly afterMs: number | undefined;
  readonly maybeDone: boolean;
  readonly details: string[] | undefined;

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(message, options);
    const { retry, maybeDone } = advice(code);
    this.code = code;
    this.afterMs = retry === "after" ? options.afterMs ?? DEFAULT_AFTER_MS : undefined;
    this.maybeDone = options.maybeDone ?? maybeDone ?? false;
    this.details = options.details;
  }
}
