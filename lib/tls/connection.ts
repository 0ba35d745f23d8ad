/**
 * A connection that speaks TLS, see `tls_listener.ts`.
 *
 * @module
 */
import type { LoopbackPool } from "./loopback_pool.ts";
import { readClientHello } from "./client_hello.ts";
import type { Connection } from "../system.ts";
import { writeAll } from "../write_all.ts";

const BLOCK_BYTES = 16 * 1024;
/** As long as no more comes at once, so that who is silent costs little. */
const FIRST_BLOCK_BYTES = 2 * 1024;
/** How long a peer has to read what was said before the end. */
const LINGER_MS = 2_000;

export class TlsConnection implements Connection {
  readonly remoteAddr: Deno.NetAddr;
  readonly #peer: Deno.TcpConn;
  readonly #opening: Promise<Deno.TlsConn>;
  /** Once hands are shaken, or can't be. */
  #plain: Deno.TlsConn | undefined;
  readonly #open = new Set<{ close(): void }>();
  /** Resolves when somebody waits again for what the peer sends, if nobody does. */
  #held: PromiseWithResolvers<void> | undefined;
  readonly #ended = Promise.withResolvers<void>();

  constructor(peer: Deno.TcpConn, loops: LoopbackPool) {
    this.remoteAddr = peer.remoteAddr;
    this.#peer = peer;
    this.#open.add(peer);
    const ended = this.#ended.promise.then(() => {
      throw new Deno.errors.NotConnected("Closed");
    });
    this.#opening = Promise.race([this.#shakeHands(loops), ended]);
    this.#opening.catch(() => {}); // whoever reads is told
  }

  setNoDelay(): void {
    this.#peer.setNoDelay();
  }

  async read(into: Uint8Array): Promise<number | null> {
    const plain = await this.#opening;
    this.#goOn();
    const read = await plain.read(into);
    this.#hold();
    return read;
  }

  /** @throws {Deno.errors.NotConnected} before hands are shaken: there is nobody yet who could read */
  async write(bytes: Uint8Array): Promise<number> {
    if (this.#plain === undefined) throw new Deno.errors.NotConnected("No TLS yet");
    return await this.#plain.write(bytes);
  }

  async close(): Promise<void> {
    if (this.#plain === undefined || !this.#open.delete(this.#plain)) return this.#end();
    this.#plain.close();
    this.#goOn();
    const late = setTimeout(() => this.#end(), LINGER_MS);
    await this.#ended.promise;
    clearTimeout(late);
  }

  async #shakeHands(loops: LoopbackPool): Promise<Deno.TlsConn> {
    const peer = this.#peer;
    const hello = await readClientHello(peer);
    const { wire, plain } = await loops.get(this.#ended.promise);
    const closed = this.#open.size === 0;
    this.#open.add(wire).add(plain);
    const end = (): void => this.#end();
    if (closed) end();
    this.#takeIn(wire, hello).then(() => wire.closeWrite()).catch(end);
    pass(wire, peer).catch(() => {}).finally(end); // that it has ended is all there is to tell
    try {
      await plain.handshake();
    } finally {
      this.#plain = plain; // why there is no TLS is said as an alert
      this.#hold();
    }
    return plain;
  }

  /**
   * Passes on what the peer sends, behind what has come already, as long as that is waited for: what
   * nobody reads would cost as much as what is read, and fill the buffers of four sockets.
   */
  async #takeIn(wire: Deno.TcpConn, begun: Uint8Array): Promise<void> {
    await writeAll(wire, begun);
    await pass(this.#peer, wire, () => this.#held?.promise);
  }

  #hold(): void {
    if (this.#plain !== undefined && this.#open.has(this.#plain)) {
      this.#held = Promise.withResolvers();
    }
  }

  #goOn(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  #end(): void {
    for (const one of this.#open) one.close();
    this.#open.clear();
    this.#ended.resolve();
  }
}

/** Passes on all that comes, each block when it is wanted. */
async function pass(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  wanted: () => Promise<void> | undefined = () => undefined,
): Promise<void> {
  let block = new Uint8Array(FIRST_BLOCK_BYTES);
  for (let read; (read = await from.read(block)) !== null;) {
    await wanted();
    await writeAll(to, block.subarray(0, read));
    if (read === block.length && read < BLOCK_BYTES) block = new Uint8Array(BLOCK_BYTES);
  }
}
