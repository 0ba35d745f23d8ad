/**
 * Proof of the shared secret without sending it. Each side gives a nonce; the proof is HMAC-SHA256
 * over the protocol's version, a direction, the server's role and both nonces, so that it can't be
 * reflected, replayed on another connection, or taken to another role or version.
 *
 * @module
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

/** Fewer bytes than this are no secret. */
export const SECRET_BYTES_MIN = 32;
/** One secret, and while it gives way to another, that one. */
const SECRETS_MAX = 2;

const NONCE_BYTES = 32;
const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;

export type Direction = "server" | "client";

/** What both sides know when they prove themselves. */
export interface Challenge {
  /** The role of the side that listens. */
  readonly role: string;
  readonly clientNonce: string;
  readonly serverNonce: string;
}

/** The keys that a peer may prove itself with, one's own first; printing them shows no text of them. */
export type Secret = readonly [own: KeyObject, ...others: KeyObject[]];

/**
 * Makes the keys from the secret's text: a line for each, the first one for one's own proofs.
 *
 * @throws {RangeError} where a line is too short or there are too many, without the text itself
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

/** 32 random bytes as base64url, 43 characters. */
export function makeNonce(): string {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64(BASE64URL);
}

/** The proof, as base64url, that its sender holds the secret. */
export function prove([own]: Secret, direction: Direction, challenge: Challenge): string {
  return mac(own, direction, challenge).toBase64(BASE64URL);
}

/**
 * Whether `proof` was made with any of the same keys; takes the same time whichever it was, and
 * wherever it differs.
 */
export function verify(
  secret: Secret,
  proof: string,
  direction: Direction,
  challenge: Challenge,
): boolean {
  const given = decoded(proof);
  // All are compared, also behind one that fits.
  return secret.map((key) => equal(given, mac(key, direction, challenge))).includes(true);
}

/**
 * Whether they are the same, in the same time wherever they differ. The length is no secret, and what
 * is compared must be equally long.
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

/** What is no base64url verifies as an empty proof does: never. */
function decoded(proof: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(proof, { alphabet: "base64url" });
  } catch {
    return new Uint8Array();
  }
}
