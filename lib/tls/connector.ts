/**
 * The side that connects: TLS with servers whose certificate comes from a private CA.
 *
 * @module
 */
import { unlessAborted } from "../abort.ts";
import { CodedError } from "../errors.ts";
import type { Connection } from "../system.ts";
import { BUSY_RETRY_MS } from "../wire/limits.ts";
import { TLS_MISMATCH_ADVICE } from "../wire/refuse_tls.ts";

/**
 * Against an address that accepts connections and never completes a handshake: each attempt leaves a
 * socket that Deno keeps until the server hangs up (see tls.ts), so attempts without end would take
 * every descriptor. Beyond this number of such sockets, no more connections to the address are made.
 * Test: "TlsConnector keeps at most 32 unfinished handshakes with one address".
 */
const UNFINISHED_MAX = 32;

/** Connects with TLS and checks the peer's certificate against a CA. */
export class TlsConnector {
  readonly #ca: string;
  /** By `host:port`, the handshakes that were given up and that the server has not ended. */
  readonly #unfinished = new Map<string, number>();

  /** @param ca the certificate of the CA to trust, as PEM */
  constructor(ca: string) {
    this.#ca = ca;
  }

  /**
   * Connects and completes the handshake. The connection belongs to the caller.
   *
   * @throws {CodedError} `busy` if the server hangs up before TLS begins
   * @throws {Error} what the system or TLS reports, in words that say what to do; the signal's reason
   * if that aborts
   */
  async connect(options: Deno.ConnectOptions): Promise<Connection> {
    const { hostname = "127.0.0.1", port, signal } = options;
    const address = `${hostname}:${port}`;
    if ((this.#unfinished.get(address) ?? 0) >= UNFINISHED_MAX) {
      throw new Error(`it has left ${UNFINISHED_MAX} TLS handshakes without an end`);
    }
    const tcp = await Deno.connect(options);
    tcp.setNoDelay(); // now, since a connection with TLS has no such method
    const conn = await Deno.startTls(tcp, { hostname, caCerts: [this.#ca] });
    const handshake = conn.handshake();
    try {
      await (signal === undefined ? handshake : unlessAborted(handshake, signal));
      return Object.assign(conn, { setNoDelay: () => {} });
    } catch (cause) {
      this.#giveUp(address, conn, handshake);
      throw explain((cause as Error).message, cause);
    }
  }

  /** Closes the connection when its handshake has ended, since Deno would not do so sooner. */
  #giveUp(address: string, conn: Deno.TlsConn, handshake: Promise<unknown>): void {
    const count = (change: number): void => {
      this.#unfinished.set(address, (this.#unfinished.get(address) ?? 0) + change);
    };
    count(1);
    handshake.catch(() => {}).finally(() => { // `connect` has thrown why it failed
      conn.close();
      count(-1);
    });
  }
}

/** Returns the error to throw for a failed handshake. */
function explain(message: string, cause: unknown): Error {
  if (/InvalidContentType/.test(message)) {
    return new Error(`it does not speak TLS; ${TLS_MISMATCH_ADVICE}`, { cause });
  }
  // A server that has no room can't say so before the handshake: it just hangs up.
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
