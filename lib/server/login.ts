import { CodedError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { type Challenge, makeNonce, prove, type Secret, verify } from "../wire/auth.ts";
import { Auth, Hello, type Welcome } from "../wire/handshake.ts";
import type { Limits } from "../wire/limits.ts";
import { PROTOCOL, validate } from "../wire/protocol.ts";

/** Who the server is, and the secret that it proves itself with. */
export interface Identity {
  readonly role: string;
  readonly name: string;
  readonly version: string;
  readonly secret: Secret;
}

/** The server's side of a login: `hello`, then `auth`, each once. */
export class Login {
  readonly #identity: Identity;
  readonly #limits: Limits;
  #challenge: Challenge | undefined;
  #authenticated = false;

  constructor(identity: Identity, limits: Limits) {
    this.#identity = identity;
    this.#limits = limits;
  }

  /** Whether the peer has proved that it holds the secret. */
  get authenticated(): boolean {
    return this.#authenticated;
  }

  /**
   * Answers `{"v":1,"id":"a1","type":"hello","body":{"nonce":"<43 characters>"}}`.
   *
   * @throws {CodedError} `bad_request` for a second one, `invalid_input`
   */
  hello(body: JsonObject): JsonObject {
    if (this.#challenge !== undefined) throw new CodedError("bad_request", "Cannot hello twice");
    const { role, name, version, secret } = this.#identity;
    const { nonce: clientNonce } = validate(Hello, body);
    const serverNonce = makeNonce();
    const challenge = { role, clientNonce, serverNonce };
    const proof = prove(secret, "server", challenge);
    this.#challenge = challenge;
    const welcome: Welcome = {
      role,
      name,
      version,
      protocols: [PROTOCOL],
      nonce: serverNonce,
      proof,
      limits: { ...this.#limits },
    };
    return welcome;
  }

  /**
   * Answers `{"v":1,"id":"a2","type":"auth","body":{"mac":"<43 characters>"}}`.
   *
   * @throws {CodedError} `bad_request` for a second one, `auth_failed` if the proof is wrong
   */
  auth(body: JsonObject): JsonObject {
    if (this.#authenticated) throw new CodedError("bad_request", "Cannot auth twice");
    const { data } = Auth.safeParse(body);
    this.#authenticated = data !== undefined && this.#challenge !== undefined &&
      verify(this.#identity.secret, data.mac, "client", this.#challenge);
    if (this.#authenticated) return {};
    throw new CodedError("auth_failed", "Cannot let this peer in: it does not hold the secret");
  }
}
