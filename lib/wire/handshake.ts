/**
 * The bodies of `hello` and `auth`, for both sides of a connection.
 *
 * @module
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";

/** A nonce, a proof: 32 bytes as base64url. */
const Bytes32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** The body of `hello`. */
export const Hello = z.strictObject({ nonce: Bytes32 });

/** The reply to `hello`: who the server is, and its proof that it holds the secret. */
export const Welcome = z.strictObject({
  role: z.string(),
  name: z.string(),
  version: z.string(),
  protocols: z.array(z.int()),
  nonce: Bytes32,
  proof: Bytes32,
  /** Another version may have other limits; for a limit that is missing its default holds. */
  limits: z.record(z.string(), z.int().positive()).transform((told) => ({ ...LIMITS, ...told })),
});
export type Welcome = z.infer<typeof Welcome>;

/** The body of `auth`: the client's proof. */
export const Auth = z.strictObject({ mac: Bytes32 });
