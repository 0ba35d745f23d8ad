/**
 * Reads the first TLS record of a peer. Against peers that connect and say nothing, or speak another
 * protocol: they get no loopback connection, and so cost one descriptor in place of three.
 * Test: "TlsConnection asks for a loopback connection when a handshake begins, not before".
 *
 * @module
 */
import type { Duplex } from "../system.ts";
import { ALERT, HANDSHAKE } from "../wire/refuse_tls.ts";
import { writeAll } from "../write_all.ts";

/** The head of a record: its type, a version, and the length of the rest. Source: RFC 8446, 5.1. */
const HEADER_BYTES = 5;
const RECORD_BYTES_MAX = 2 ** 14;
/** The first record of most clients is shorter. */
const BUFFER_BYTES = 2 * 1024;
/** A fatal alert, `unexpected_message`. */
const REFUSAL = new Uint8Array([ALERT, 3, 3, 0, 2, 2, 10]);

/**
 * Reads until the first record is complete. Returns it, with the bytes that came with it.
 *
 * @throws {Deno.errors.UnexpectedEof} if the peer hangs up before
 * @throws {Deno.errors.InvalidData} if the peer does not speak TLS, after an alert that says so
 */
export async function readClientHello(
  peer: Pick<Duplex, "read" | "write">,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(BUFFER_BYTES), length = 0, expected = HEADER_BYTES;
  while (length < expected) {
    const read = await peer.read(bytes.subarray(length));
    if (read === null) throw new Deno.errors.UnexpectedEof("No TLS handshake");
    length += read;
    if (length >= HEADER_BYTES) expected = HEADER_BYTES + (bytes[3] << 8 | bytes[4]);
    if (bytes[0] !== HANDSHAKE || expected > HEADER_BYTES + RECORD_BYTES_MAX) {
      await writeAll(peer, REFUSAL);
      throw new Deno.errors.InvalidData("No TLS handshake");
    }
    if (expected > bytes.length) bytes = enlarge(bytes, expected);
  }
  return bytes.subarray(0, length);
}

function enlarge(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}
