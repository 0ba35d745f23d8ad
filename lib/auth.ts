/**
 * Proof of the shared secret without sending it. Each side gives a nonce; the proof is HMAC-SHA256
 * over a direction, the server's role and both nonces, so that it can't be reflected, replayed on
 * another connection or taken to another role.
 *
 * @module
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

/** Fewer bytes than this are no secret. */
export const SECRET_BYTES_MIN = 32;

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

/** The shared secret; no text of it can be had back by printing it. */
export type Secret = KeyObject;

/** Makes the key from the secret's text. */
export function importSecret(secret: string): Secret {
  return createSecretKey(new TextEncoder().encode(secret));
}

/** 32 random bytes as base64url, 43 characters. */
export function makeNonce(): string {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64(BASE64URL);
}

/** The proof, as base64url, that its sender holds the key. */
export function prove(key: Secret, direction: Direction, challenge: Challenge): string {
  return mac(key, direction, challenge).toBase64(BASE64URL);
}

/** Whether `proof` was made with the same key; takes the same time wherever it differs. */
export function verify(
  key: Secret,
  proof: string,
  direction: Direction,
  challenge: Challenge,
): boolean {
  const [given, right] = [decoded(proof), mac(key, direction, challenge)];
  // The length is no secret, and what is compared must be equally long.
  return given.length === right.length && timingSafeEqual(given, right);
}

function mac(
  key: Secret,
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
