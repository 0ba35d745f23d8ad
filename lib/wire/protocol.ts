/**
 * The contract baton/1 as code: what a line means. The bytes of a line enter and a checked request or
 * reply leaves; or a message enters and its line leaves. Start with `PROTOCOL.md` beside this file, which
 * is the reference.
 *
 * @module
 */
import type { JsonObject } from "../json.ts";
import { z } from "zod";
import { advice, CodedError, ERROR_CODES } from "../errors.ts";
import { LimitError, LIMITS, type Limits } from "./limits.ts";
import { assertJsonBounds, type JsonBounds } from "./json_bounds.ts";
import { parseBounded } from "../parse_bounded.ts";

/** The version of the protocol: the `v` of every line. */
export const PROTOCOL = 1;

/** The largest `timeout_ms` of a request: a day. */
export const TIMEOUT_MS_MAX = 86_400_000;

/** A request's id: chosen by the client, carried by the reply. */
export const RequestId = z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/);
/** A task's id: a request's id up to its first dot. */
export const TaskId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** Any object, unchecked and not copied: copying its keys would cost more than parsing the line. */
export const AnyObject = z.custom<JsonObject>(
  (value) => value !== null && typeof value === "object" && !Array.isArray(value),
  "Invalid input: expected record",
);

/** A request line. */
export const Request = z.strictObject({
  v: z.literal(PROTOCOL),
  id: RequestId,
  type: z.string().regex(/^[a-z][a-z_]{0,31}$/),
  /** The time that the caller still waits; each hop subtracts what it used itself. */
  timeout_ms: z.int().min(1).max(TIMEOUT_MS_MAX).optional(),
  body: AnyObject.optional(),
});
export type Request = z.infer<typeof Request>;

/** An error as it crosses the wire. */
export const WireError = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  retry: z.enum(["no", "now", "after", "unknown"]),
  after_ms: z.int().nonnegative().optional(),
  maybe_done: z.boolean(),
  details: z.array(z.string()).optional(),
});
export type WireError = z.infer<typeof WireError>;

/** A reply line. */
export const Reply = z.discriminatedUnion("ok", [
  z.strictObject({ v: z.literal(PROTOCOL), id: RequestId, ok: z.literal(true), body: AnyObject }),
  z.strictObject({
    v: z.literal(PROTOCOL),
    /** Absent if the request's id could not be read, or if the error is about the connection. */
    id: RequestId.optional(),
    ok: z.literal(false),
    error: WireError,
  }),
]);
export type Reply = z.infer<typeof Reply>;

/**
 * Turns the bytes of a line into a request.
 *
 * @param limits by default those of the protocol
 * @throws {RequestError} `bad_json`, `bad_request` or `unsupported_version`, with the request's id
 * if it could be read
 */
export function decodeRequest(line: Uint8Array, limits: JsonBounds = LIMITS): Request {
  const value = parse(line, limits);
  const result = Request.safeParse(value);
  if (result.success) return result.data;
  const { v, id } = value !== null && typeof value === "object" ? value as Request : {} as Request;
  const known = RequestId.safeParse(id);
  const code = Number.isInteger(v) && v !== PROTOCOL ? "unsupported_version" : "bad_request";
  const message = code === "bad_request"
    ? "Cannot read the request: it does not have the shape of baton/1"
    : `Cannot speak version ${v}: this server speaks ${PROTOCOL}`;
  throw new RequestError(
    new CodedError(code, message, { details: issues(result.error) }),
    known.success ? known.data : undefined,
  );
}

/** Why a line is refused as a request, and the id that the reply carries. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  constructor(override readonly cause: CodedError, readonly id: string | undefined) {
    super(cause.message, { cause });
  }
}

/**
 * Turns the bytes of a line into a reply.
 *
 * @throws {CodedError} `bad_json`, `bad_request` or `unsupported_version`
 */
export function decodeReply(line: Uint8Array): Reply {
  let value: unknown;
  try {
    value = parse(line, LIMITS);
  } catch (error) {
    throw error instanceof RequestError ? error.cause : error;
  }
  const result = parseBounded(Reply, value);
  if (result.success) return result.data;
  const v = (value as Partial<Reply> | null)?.v as number | undefined;
  if (Number.isInteger(v) && v !== PROTOCOL) {
    const message = `Cannot read a reply of version ${v}: this client speaks ${PROTOCOL}`;
    throw new CodedError("unsupported_version", message);
  }
  throw new CodedError(
    "bad_request",
    "Cannot read the reply: it does not have the shape of baton/1",
    {
      details: issues(result.error),
    },
  );
}

/** Returns the line of a request or a reply, its line feed included. */
export function encode(message: Request | Reply): string {
  return JSON.stringify(message) + "\n";
}

/** Returns whether a line has more than `max` bytes, its line feed not counted. */
export function isLongerThan(line: string, max: number): boolean {
  if (line.length * 3 <= max) return false; // a UTF-16 unit takes three bytes at most
  return new TextEncoder().encode(line).length - 1 > max;
}

/**
 * Checks a line before it is sent, its line feed included. A line beyond the server's limits would end
 * the connection for every request on it.
 *
 * @throws {LimitError} `line_too_long` or `bad_json`
 */
export function assertSendable(
  line: string,
  { line_bytes, ...shape }: Pick<Limits, "line_bytes"> & JsonBounds,
): void {
  const bytes = new TextEncoder().encode(line);
  if (bytes.length - 1 <= line_bytes) return assertJsonBounds(bytes, shape);
  const message = `Cannot send it: it has more than ${line_bytes} bytes`;
  throw new LimitError("line_bytes", "line_too_long", message);
}

/**
 * Turns an error into its wire form. An error without a code becomes `internal`, with nothing of it but
 * a `reference`, which is called only then.
 */
export function toWire(error: unknown, reference: () => string): WireError {
  const coded = error instanceof CodedError ? error : new CodedError(
    "internal",
    `Cannot answer: internal error ${reference()}, see the server's log`,
  );
  return {
    code: coded.code,
    message: coded.message.slice(0, 2000),
    retry: advice(coded.code).retry,
    after_ms: coded.afterMs,
    maybe_done: coded.maybeDone,
    details: coded.details?.slice(0, 20).map((detail) => detail.slice(0, 300)),
  };
}

/** Turns the error of a reply back into a `CodedError`. */
export function fromWire(error: WireError): CodedError {
  return new CodedError(error.code, error.message, {
    afterMs: error.after_ms,
    maybeDone: error.maybe_done,
    details: error.details,
  });
}

/**
 * Checks a value against a schema and returns it as the schema makes it.
 *
 * @throws {CodedError} `invalid_input`, with the paths at fault in `details`
 */
export function validate<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = parseBounded(schema, value);
  if (result.success) return result.data;
  const details = issues(result.error);
  throw new CodedError("invalid_input", `Cannot take this input: ${details[0]}`, { details });
}

/** Returns a schema's complaints as `path: message`, at most 20 of them, each cut to 300 characters. */
export function issues(error: z.ZodError): string[] {
  return error.issues.slice(0, 20).map((issue) =>
    `${issue.path.join(".") || "(top)"}: ${issue.message}`.slice(0, 300)
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parse(line: Uint8Array, limits: JsonBounds): unknown {
  try {
    assertJsonBounds(line, limits);
    return JSON.parse(utf8.decode(line));
  } catch (error) {
    if (error instanceof CodedError) throw new RequestError(error, undefined);
    const why = error instanceof SyntaxError ? error.message.slice(0, 120) : "not UTF-8";
    throw new RequestError(
      new CodedError("bad_json", `Cannot read the line: ${why}`, { cause: error }),
      undefined,
    );
  }
}
