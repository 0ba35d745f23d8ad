/**
 * Proof of the shared secret without sending it. Each side gives a nonce; the proof is HMAC-SHA256
 * over a direction, the server's role and both nonces, so that it can't be reflected, replayed on
 * another connection or taken to another role.
 *
 * @module
 */

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

/** Makes the key from the secret's text. */
export function importSecret(secret: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(secret);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
}

/** 32 random bytes as base64url, 43 characters. */
export function makeNonce(): string {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64(BASE64URL);
}

/** The proof, as base64url, that its sender holds the key. */
export async function prove(
  key: CryptoKey,
  direction: Direction,
  challenge: Challenge,
): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key, message(direction, challenge));
  return new Uint8Array(mac).toBase64(BASE64URL);
}

/** Whether `proof` was made with the same key; takes the same time wherever it differs. */
export async function verify(
  key: CryptoKey,
  proof: string,
  direction: Direction,
  challenge: Challenge,
): Promise<boolean> {
  return await crypto.subtle.verify("HMAC", key, decoded(proof), message(direction, challenge));
}

function message(
  direction: Direction,
  { role, clientNonce, serverNonce }: Challenge,
): BufferSource {
  return new TextEncoder().encode(
    ["baton/1", direction, role, clientNonce, serverNonce].join("\n"),
  );
}

/** What is no base64url verifies as an empty proof does: never. */
function decoded(proof: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(proof, { alphabet: "base64url" });
  } catch {
    return new Uint8Array();
  }
}
