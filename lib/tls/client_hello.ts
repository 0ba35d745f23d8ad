/**
 * Reads how TLS begins, so that nothing is spent on a peer that does not speak it.
 *
 * @module
 */
import type { Duplex } from "../system.ts";
import { ALERT, HANDSHAKE } from "../wire/refuse_tls.ts";
import { writeAll } from "../write_all.ts";

/** Of a record: its type, a version, and how long it is; RFC 8446, 5.1. */
const HEADER_BYTES = 5;
const RECORD_BYTES_MAX = 2 ** 14;
/** What most begin with is no longer. */
const FIRST_BYTES = 2 * 1024;
/** Fatal, and `unexpected_message`. */
const REFUSAL = new Uint8Array([ALERT, 3, 3, 0, 2, 2, 10]);

/**
 * Reads until the first record is whole.
 *
 * @throws {Deno.errors.UnexpectedEof} where the peer ends before
 * @throws {Deno.errors.InvalidData} where it does not speak TLS, and is told so
 */
export async function readClientHello(
  peer: Pick<Duplex, "read" | "write">,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(FIRST_BYTES), read = 0, whole = HEADER_BYTES;
  while (read < whole) {
    const more = await peer.read(bytes.subarray(read));
    if (more === null) throw new Deno.errors.UnexpectedEof("No TLS handshake");
    read += more;
    if (read >= HEADER_BYTES) whole = HEADER_BYTES + (bytes[3] << 8 | bytes[4]);
    if (bytes[0] !== HANDSHAKE || whole > HEADER_BYTES + RECORD_BYTES_MAX) {
      await writeAll(peer, REFUSAL);
      throw new Deno.errors.InvalidData("No TLS handshake");
    }
    if (whole > bytes.length) bytes = grown(bytes, whole);
  }
  return bytes.subarray(0, read);
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}
