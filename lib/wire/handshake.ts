/**
 * The bodies of `hello` and `auth`, which both sides of a connection need.
 *
 * @module
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";

/** A nonce, a proof: 32 bytes as base64url. */
const Bytes32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

export const Hello = z.strictObject({ nonce: Bytes32 });

/** What a server tells of itself, and the proof that it holds the secret. */
export const Welcome = z.strictObject({
  role: z.string(),
  name: z.string(),
  version: z.string(),
  protocols: z.array(z.int()),
  nonce: Bytes32,
  proof: Bytes32,
  /** Another version may have others; where it does not tell one, the usual holds. */
  limits: z.record(z.string(), z.int().positive()).transform((told) => ({ ...LIMITS, ...told })),
});
export type Welcome = z.infer<typeof Welcome>;

export const Auth = z.strictObject({ mac: Bytes32 });
