/**
 * The handshake of baton/1, from the side that connects: `hello`, then `auth`.
 *
 * The server proves first that it holds the secret. A server that cannot gets no proof in return, so
 * it learns nothing that it could pass on to a real one.
 *
 * @module
 */
import { CodedError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { parseBounded } from "../parse_bounded.ts";
import { type Challenge, makeNonce, prove, type Secret, verify } from "../wire/auth.ts";
import { Welcome } from "../wire/handshake.ts";
import { PROTOCOL } from "../wire/protocol.ts";

/** Sends one request over the connection that logs in and resolves to the body of its reply. */
export type Call = (
  type: "hello" | "auth",
  body: JsonObject,
  options: { readonly timeoutMs: number },
) => Promise<JsonObject>;

/** What a login takes. */
export interface LoginOptions {
  readonly secret: Secret;
  /** The role that the server must have. */
  readonly role: string;
  /** The server's address, for error messages. */
  readonly address: string;
  /** Time left for the login, in milliseconds; asked again before each request. */
  readonly remainingMs: () => number;
}

/**
 * Logs in, and returns what the server says about itself.
 *
 * @throws {CodedError} `auth_failed` if the server does not prove that it holds the secret, has
 * another role, does not speak this version, or refuses our proof; what `call` throws
 */
export async function login(call: Call, options: LoginOptions): Promise<Welcome> {
  const { secret, role, remainingMs } = options;
  const nonce = makeNonce();
  const hello = await call("hello", { nonce }, { timeoutMs: remainingMs() });
  const welcome = trusted(hello, nonce, options);
  const mac = prove(secret, "client", challengeOf(role, nonce, welcome));
  await call("auth", { mac }, { timeoutMs: remainingMs() });
  return welcome;
}

/** Reads the reply to `hello`. Throws `auth_failed` unless it comes from the server we look for. */
function trusted(
  hello: JsonObject,
  nonce: string,
  { secret, role, address }: LoginOptions,
): Welcome {
  const distrust = (why: string): CodedError =>
    new CodedError("auth_failed", `Cannot trust ${address}: ${why}`);
  const welcome = parseBounded(Welcome, hello).data;
  if (welcome === undefined) throw distrust(`it does not speak baton/${PROTOCOL}`);
  if (!welcome.protocols.includes(PROTOCOL)) {
    throw distrust(`it speaks other versions than baton/${PROTOCOL}`);
  }
  if (welcome.role !== role) throw distrust(`it is "${welcome.role}", not "${role}"`);
  if (verify(secret, welcome.proof, "server", challengeOf(role, nonce, welcome))) return welcome;
  throw distrust("it does not hold the same secret");
}

function challengeOf(role: string, clientNonce: string, { nonce }: Welcome): Challenge {
  return { role, clientNonce, serverNonce: nonce };
}
