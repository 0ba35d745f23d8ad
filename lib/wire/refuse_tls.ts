/**
 * Tells a peer that speaks TLS to a side without TLS what is wrong, in place of "bad JSON".
 *
 * @module
 */
import { CodedError } from "../errors.ts";
import type { Duplex } from "../system.ts";

/** The first byte of a TLS alert (RFC 8446, 5.1); no line of JSON begins with it. */
export const ALERT = 0x15;
/** The first byte of a TLS handshake; no line of JSON begins with it. */
export const HANDSHAKE = 0x16;

/** What to do if only one side speaks TLS. */
export const TLS_MISMATCH_ADVICE =
  "give TLS to both sides or to neither: --tls-ca to the one that connects, " +
  "--tls-cert and --tls-key to the one that listens";

/**
 * The same source, with its first byte checked.
 *
 * Its `read` throws a `CodedError` `bad_json` if that byte begins a TLS record.
 */
export function refuseTls(source: Pick<Duplex, "read">): Pick<Duplex, "read"> {
  let checked = false;
  return {
    async read(into) {
      const read = await source.read(into);
      if (checked || read === null || read === 0) return read;
      checked = true;
      if (into[0] !== ALERT && into[0] !== HANDSHAKE) return read;
      throw new CodedError("bad_json", `Cannot read TLS as plain text; ${TLS_MISMATCH_ADVICE}`);
    },
  };
}
