/**
 * The bodies of `hello` and `auth`, which both sides of a connection need.
 *
 * @module
 */
import { z } from "zod";
import { LIMITS } from "./protocol.ts";

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
  limits: z.record(z.enum(Object.keys(LIMITS) as (keyof typeof LIMITS)[]), z.int().positive()),
});
export type Welcome = z.infer<typeof Welcome>;

export const Auth = z.strictObject({ mac: Bytes32 });
