/**
 * Proves that a side holds the shared secret, without sending it. Each side sends a nonce. The proof is
 * HMAC-SHA256 over the protocol's version, a direction, the server's role and both nonces. So it can't
 * be reflected, replayed on another connection, or taken to another role or version.
 *
 * @module
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

/** The shortest secret, in bytes. */
export const SECRET_BYTES_MIN = 32;
/** The secret in use, and another one while it is being changed. */
const SECRETS_MAX = 2;

const NONCE_BYTES = 32;
const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;

/** Which side proves itself. */
export type Direction = "server" | "client";

/** What a proof is made over; both sides know it. */
export interface Challenge {
  /** The role of the side that listens. */
  readonly role: string;
  readonly clientNonce: string;
  readonly serverNonce: string;
}

/**
 * The keys that a proof may be made with. The first is for one's own proofs. Printing a key does not show
 * its text.
 */
export type Secret = readonly [own: KeyObject, ...others: KeyObject[]];

/**
 * Makes the keys from the secret's text, one for each line.
 *
 * @throws {RangeError} if a line is too short or there are more than two; the message holds no secret
 */
export function importSecret(text: string): Secret {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  if (lines.length > SECRETS_MAX) {
    throw new RangeError(`has ${lines.length} lines, more than ${SECRETS_MAX}`);
  }
  const [own, ...others] = lines.map((line, at) => {
    const bytes = new TextEncoder().encode(line);
    if (bytes.length >= SECRET_BYTES_MIN) return createSecretKey(bytes);
    const where = lines.length > 1 ? ` in line ${at + 1}` : "";
    throw new RangeError(`has ${bytes.length} bytes${where}, fewer than ${SECRET_BYTES_MIN}`);
  });
  return [own, ...others];
}

/** Returns 32 random bytes as base64url: 43 characters. */
export function makeNonce(): string {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64(BASE64URL);
}

/** Returns the proof, as base64url, that a side holds the secret. */
export function prove([own]: Secret, direction: Direction, challenge: Challenge): string {
  return mac(own, direction, challenge).toBase64(BASE64URL);
}

/**
 * Returns whether `proof` was made with one of the keys. The time it takes tells neither which key fits
 * nor where a wrong proof differs.
 */
export function verify(
  secret: Secret,
  proof: string,
  direction: Direction,
  challenge: Challenge,
): boolean {
  const given = decoded(proof);
  // Every key is compared, even after one that fits.
  return secret.map((key) => equal(given, mac(key, direction, challenge))).includes(true);
}

/**
 * Returns whether two digests are equal. The time it takes does not tell where they differ; their
 * length is no secret.
 */
export function equal(given: Uint8Array, right: Uint8Array): boolean {
  return given.length === right.length && timingSafeEqual(given, right);
}

function mac(
  key: KeyObject,
  direction: Direction,
  { role, clientNonce, serverNonce }: Challenge,
): Uint8Array {
  const message = ["baton/1", direction, role, clientNonce, serverNonce].join("\n");
  return createHmac("sha256", key).update(message).digest();
}

/** Text that is not base64url becomes an empty proof, which never fits. */
function decoded(proof: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(proof, { alphabet: "base64url" });
  } catch {
    return new Uint8Array();
  }
}
