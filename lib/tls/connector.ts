/**
 * Connects with TLS to whoever shows a certificate of one's own CA.
 *
 * @module
 */
import { unlessAborted } from "../abort.ts";
import { CodedError } from "../errors.ts";
import { BUSY_RETRY_MS } from "../wire/limits.ts";
import type { Connection } from "../system.ts";
import { TLS_MISMATCH_ADVICE } from "../wire/refuse_tls.ts";

/**
 * Handshakes that one address has not ended. Deno keeps their sockets until it does, so whoever never
 * shakes hands would get all descriptors.
 */
const GIVEN_UP_MAX = 32;

export class TlsConnector {
  readonly #ca: string;
  readonly #givenUp = new Map<string, number>();

  /** @param ca who is trusted, as PEM */
  constructor(ca: string) {
    this.#ca = ca;
  }

  /** @throws {CodedError} `busy` where it hangs up before TLS begins */
  async connect(options: Deno.ConnectOptions): Promise<Connection> {
    const { hostname = "127.0.0.1", port, signal } = options;
    const place = `${hostname}:${port}`;
    if ((this.#givenUp.get(place) ?? 0) >= GIVEN_UP_MAX) {
      throw new Error(`it has left ${GIVEN_UP_MAX} TLS handshakes without an end`);
    }
    const tcp = await Deno.connect(options);
    tcp.setNoDelay(); // for good: a connection with TLS has no such method
    const conn = await Deno.startTls(tcp, { hostname, caCerts: [this.#ca] });
    const shaken = conn.handshake();
    try {
      await (signal === undefined ? shaken : unlessAborted(shaken, signal));
      return Object.assign(conn, { setNoDelay: () => {} });
    } catch (cause) {
      this.#giveUp(place, conn, shaken);
      throw refusal((cause as Error).message, cause);
    }
  }

  #giveUp(place: string, conn: Deno.TlsConn, shaken: Promise<unknown>): void {
    const count = (more: number): void => {
      this.#givenUp.set(place, (this.#givenUp.get(place) ?? 0) + more);
    };
    count(1);
    shaken.catch(() => {}).finally(() => { // whoever connects was told
      conn.close();
      count(-1);
    });
  }
}

/** Why there was no handshake, in words that say what to do. */
function refusal(message: string, cause: unknown): Error {
  if (/InvalidContentType/.test(message)) {
    return new Error(`it does not speak TLS; ${TLS_MISMATCH_ADVICE}`, { cause });
  }
  // Who has no room can't say so before hands are shaken.
  if (/unexpected end of file|reset|broken pipe/i.test(message)) {
    const message =
      `it hung up before TLS began: it is crowded, or does not speak TLS; ${TLS_MISMATCH_ADVICE}`;
    return new CodedError("busy", message, { cause, afterMs: BUSY_RETRY_MS });
  }
  if (/UnknownIssuer|BadSignature/.test(message)) {
    return new Error("its certificate is not of the CA in --tls-ca", { cause });
  }
  return new Error(message, { cause });
}
