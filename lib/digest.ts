import { createHash } from "node:crypto";

/** Returns the SHA-256 of a text's UTF-8 bytes; in base64url it has 43 characters. */
export function sha256(
  text: string,
  encoding: "base64url" | "base64" | "hex" = "base64url",
): string {
  return createHash("sha256").update(text).digest(encoding);
}
