import { CodedError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { LINE_BYTES_MAX } from "../wire/limits.ts";
import { encode, isLongerThan, PROTOCOL, type Reply, toWire } from "../wire/protocol.ts";

/** Receives an error without a code, and the reference to it that the peer receives. */
export type OnInternal = (reference: string, error: unknown) => void;

/**
 * The line that answers request `id` with a body or an error; without an `id` it is about the
 * connection. A reply longer than any peer reads becomes `bad_output`. An error without a code
 * becomes `internal` with a reference; `onInternal` receives both.
 */
export function encodeReply(
  id: string | undefined,
  outcome: JsonObject | Error,
  onInternal: OnInternal,
): string {
  const line = encode(replyOf(id, outcome, onInternal));
  if (!isLongerThan(line, LINE_BYTES_MAX)) return line;
  const message = `Cannot answer: the reply is longer than ${LINE_BYTES_MAX} bytes`;
  const error = new CodedError("bad_output", message, { maybeDone: true });
  return encode(replyOf(id, error, onInternal));
}

function replyOf(
  id: string | undefined,
  outcome: JsonObject | Error,
  onInternal: OnInternal,
): Reply {
  if (!(outcome instanceof Error)) return { v: PROTOCOL, id: id!, ok: true, body: outcome };
  const error = toWire(outcome, () => {
    const reference = crypto.randomUUID().slice(0, 8);
    onInternal(reference, outcome);
    return reference;
  });
  return { v: PROTOCOL, id, ok: false, error };
}
