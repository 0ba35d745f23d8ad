/**
 * The side that listens: accepts peers on a plain socket, and speaks TLS with them over a loopback
 * connection to a TLS listener of its own.
 *
 *     peer ⇄ plain socket ⇄ wire ⇄ loopback ⇄ plain text
 *
 * Closing the plain socket and the wire frees all descriptors at once, which closing a TLS connection
 * does not (see tls.ts). A peer that has begun a handshake costs three descriptors in place of one.
 *
 * @module
 */
import { ExitError } from "../exit.ts";
import { loopbackPort } from "../roles.ts";
import type { Connection, Listener } from "../system.ts";
import { TlsConnection } from "./connection.ts";
import { type Loopback, LoopbackPool } from "./loopback_pool.ts";

const LOOPBACK = "127.0.0.1";

/** What a listener shows, as PEM. */
export interface Identity {
  /** The certificate, followed by those of intermediate CAs if there are any. */
  readonly cert: string;
  /** The private key of the certificate. */
  readonly key: string;
}

/** A listener with TLS. Close it to free its port, and the one on the loopback. */
export class TlsListener implements Listener {
  readonly #listener: Deno.TcpListener;
  readonly #loopback: Deno.TlsListener;
  readonly #pool = new LoopbackPool(() => this.#connectToSelf());

  /**
   * Listens on the port in `options`, and on `loopbackPort(port)` of 127.0.0.1.
   *
   * @throws {ExitError} `port_busy` if another process has the port on the loopback
   * @throws what `Deno.listen` throws for the port itself
   */
  constructor(options: Deno.ListenOptions & { port: number }, identity: Identity) {
    this.#listener = Deno.listen(options);
    try {
      this.#loopback = listenOnLoopback(loopbackPort(options.port), identity);
    } catch (error) {
      this.#listener.close();
      throw error;
    }
  }

  /** The address that peers connect to. */
  get addr(): Deno.NetAddr {
    return this.#listener.addr;
  }

  /** Resolves to the next peer's connection, whose handshake may still fail when it is read. */
  async accept(): Promise<Connection> {
    return new TlsConnection(await this.#listener.accept(), this.#pool);
  }

  /** Stops listening. Accepted connections stay open. */
  close(): void {
    this.#listener.close();
    this.#loopback.close();
  }

  /**
   * Opens a connection to this process. Another process of the machine may connect to the loopback
   * port too, so the right connection is recognized by its port and others are closed.
   * Test: "TlsListener does not serve strangers on its loopback port".
   */
  async #connectToSelf(): Promise<Loopback> {
    const { port } = this.#loopback.addr;
    const wire = await Deno.connect({ hostname: LOOPBACK, port });
    try {
      while (true) {
        const plain = await this.#loopback.accept();
        if (plain.remoteAddr.port === wire.localAddr.port) return { wire, plain };
        plain.close();
      }
    } catch (error) {
      wire.close();
      throw error;
    }
  }
}

function listenOnLoopback(port: number, identity: Identity): Deno.TlsListener {
  try {
    return Deno.listenTls({ hostname: LOOPBACK, port, ...identity });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
    const why = "another process does; stop that one or choose another port";
    const address = `${LOOPBACK}:${port}, which TLS needs as well`;
    throw new ExitError("port_busy", `Cannot listen on ${address}: ${why}`, { cause });
  }
}
