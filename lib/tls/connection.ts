/**
 * One peer of a TLS listener: passes bytes between its socket and a loopback connection, which turns
 * TLS records into plain text and back (see listener.ts).
 *
 * @module
 */
import type { Connection } from "../system.ts";
import { writeAll } from "../write_all.ts";
import { readClientHello } from "./client_hello.ts";
import type { Loopback, LoopbackPool } from "./loopback_pool.ts";

/**
 * A connection copies in small blocks until the first block is full. With large ones, 2,400 silent
 * peers would take 60 MiB more. Test: "TlsConnection copies in small blocks until one is full".
 */
const FIRST_BLOCK_BYTES = 2 * 1024;
const BLOCK_BYTES = 16 * 1024;
/**
 * Time that a peer has after `close()` to read what was sent. Against peers that never read: then
 * the sockets are closed all the same. Test: "TlsListener frees the socket of a peer that reads
 * nothing".
 */
const LINGER_MS = 2_000;

/** A connection whose bytes go through TLS over the loopback; the room's first page says why. */
export class TlsConnection implements Connection {
  readonly remoteAddr: Deno.NetAddr;
  readonly #peer: Deno.TcpConn;
  readonly #sockets = new Set<{ close(): void }>();
  readonly #ended = Promise.withResolvers<void>();
  /** Resolves to the plain end after the handshake. Rejects if that fails, or the connection ends. */
  readonly #handshake: Promise<Deno.TlsConn>;
  /** The plain end, once the handshake is over, well or not. */
  #plain: Deno.TlsConn | undefined;
  /** Exists while nobody reads. Resolves when somebody does. */
  #paused: PromiseWithResolvers<void> | undefined;

  /** @param peer belongs to this connection from now on */
  constructor(peer: Deno.TcpConn, pool: LoopbackPool) {
    this.remoteAddr = peer.remoteAddr;
    this.#peer = peer;
    this.#sockets.add(peer);
    const ended = this.#ended.promise.then(() => {
      throw new Deno.errors.NotConnected("Closed");
    });
    this.#handshake = Promise.race([this.#shakeHands(pool), ended]);
    this.#handshake.catch(() => {}); // `read` throws it
  }

  setNoDelay(): void {
    this.#peer.setNoDelay();
  }

  /**
   * Reads plain text, after the handshake.
   *
   * @throws what the handshake failed with; `NotConnected` if the connection is closed meanwhile
   */
  async read(into: Uint8Array): Promise<number | null> {
    const plain = await this.#handshake;
    this.#resume();
    const read = await plain.read(into);
    this.#pause();
    return read;
  }

  /**
   * Writes plain text.
   *
   * @throws {Deno.errors.NotConnected} before the handshake is over: the peer could not read it yet,
   * so a server that refuses it would wait for nothing
   */
  async write(bytes: Uint8Array): Promise<number> {
    if (this.#plain === undefined) throw new Deno.errors.NotConnected("No TLS yet");
    return await this.#plain.write(bytes);
  }

  /** Closes the connection. Resolves when its descriptors are free, which may take `LINGER_MS`. */
  async close(): Promise<void> {
    if (this.#plain === undefined || !this.#sockets.delete(this.#plain)) return this.#end();
    this.#plain.close();
    this.#resume();
    const timer = setTimeout(() => this.#end(), LINGER_MS);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  async #shakeHands(pool: LoopbackPool): Promise<Deno.TlsConn> {
    const hello = await readClientHello(this.#peer);
    const loopback = await pool.get(this.#ended.promise);
    const { wire, plain } = loopback;
    this.#sockets.add(wire).add(plain);
    this.#copyBothWays(loopback, hello);
    try {
      await plain.handshake();
    } finally {
      this.#plain = plain; // after a failure too: it sends the peer an alert that says why
      this.#pause();
    }
    return plain;
  }

  /**
   * Copies from the peer to the wire and back, in the background, until either ends. Copies from the
   * peer only while somebody reads. Against peers that flood: what nobody reads would cost as much
   * as what is read, and fill the buffers of four sockets.
   * Test: "TlsConnection copies what its peer sends only while somebody reads".
   */
  #copyBothWays({ wire }: Loopback, hello: Uint8Array): void {
    const end = (): void => this.#end();
    writeAll(wire, hello)
      .then(() => copy(this.#peer, wire, () => this.#paused?.promise))
      .then(() => wire.closeWrite()) // the peer may have more to read
      .catch(end);
    copy(wire, this.#peer).catch(() => {}).finally(end);
  }

  #pause(): void {
    if (this.#plain !== undefined && this.#sockets.has(this.#plain)) {
      this.#paused = Promise.withResolvers();
    }
  }

  #resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  #end(): void {
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
    this.#ended.resolve();
  }
}

/** Copies until `from` ends. Before it writes a block, it awaits what `mayWrite` returns. */
async function copy(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  mayWrite: () => Promise<void> | undefined = () => undefined,
): Promise<void> {
  let block = new Uint8Array(FIRST_BLOCK_BYTES);
  for (let read; (read = await from.read(block)) !== null;) {
    await mayWrite();
    await writeAll(to, block.subarray(0, read));
    if (read === block.length && read < BLOCK_BYTES) block = new Uint8Array(BLOCK_BYTES);
  }
}
