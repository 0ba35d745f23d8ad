/**
 * Listens with TLS, on connections that end when they are closed.
 *
 * Deno keeps the socket of a TLS connection that it has closed until the peer hangs up or has read
 * what is left, and a peer need do neither. So peers connect to a plain listener, and their bytes are
 * passed on, over the loopback, to one of our own that speaks TLS: once the peer's socket is closed,
 * the one that Deno waits for is too. It costs two more descriptors for each peer that has said hello.
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
  readonly cert: string;
  readonly key: string;
}

export class TlsListener implements Listener {
  readonly #listener: Deno.TcpListener;
  readonly #loopback: Deno.TlsListener;
  readonly #loops = new LoopbackPool(() => this.#connect());

  /**
   * @throws {ExitError} `port_busy` where another process has the port on the loopback
   * @throws what `Deno.listen` does for the other one
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

  get addr(): Deno.NetAddr {
    return this.#listener.addr;
  }

  async accept(): Promise<Connection> {
    return new TlsConnection(await this.#listener.accept(), this.#loops);
  }

  close(): void {
    this.#listener.close();
    this.#loopback.close();
  }

  async #connect(): Promise<Loopback> {
    const { port } = this.#loopback.addr;
    const wire = await Deno.connect({ hostname: LOOPBACK, port });
    try {
      while (true) {
        const plain = await this.#loopback.accept();
        if (plain.remoteAddr.port === wire.localAddr.port) return { wire, plain };
        plain.close(); // of another process, or given up
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
    const place = `${LOOPBACK}:${port}, which TLS takes besides`;
    throw new ExitError("port_busy", `Cannot listen on ${place}: ${why}`, { cause });
  }
}
