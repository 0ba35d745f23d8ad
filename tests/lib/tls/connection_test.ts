import { assertEquals, assertRejects } from "@std/assert";
import { sleep } from "../../../lib/retry.ts";
import { TlsConnection } from "../../../lib/tls/connection.ts";
import { LoopbackPool } from "../../../lib/tls/loopback_pool.ts";
import { within } from "../../harness/waiting.ts";

// Seen to catch: what a peer sends is passed on though nobody reads; a read that lets nothing go on.

/** A whole record of a handshake, of which nothing is read but its head. */
const HELLO = new Uint8Array([0x16, 3, 1, 0, 4, 1, 0, 0, 0]);

/** Lets all go on that needs no time. */
const settled = (): Promise<void> => sleep(0);

/** One side of a connection: gives what it is told to, and counts what it takes. */
class Side {
  taken = 0;
  closed = false;
  readonly remoteAddr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
  #blocks: (Uint8Array | null)[] = [];
  #more = Promise.withResolvers<void>();

  /** What is read next; `null` is the end. */
  give(...blocks: (Uint8Array | null)[]): void {
    this.#blocks.push(...blocks);
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#blocks.length === 0) await this.#more.promise;
    const block = this.#blocks.shift()!;
    if (block !== null) into.set(block);
    return block?.length ?? null;
  }

  write(bytes: Uint8Array): Promise<number> {
    this.taken += bytes.length;
    return Promise.resolve(bytes.length);
  }

  handshake(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.closed = true;
  }
}

Deno.test("TlsConnection passes on what its peer sends only while somebody reads", async () => {
  const [peer, wire, plain] = [new Side(), new Side(), new Side()];
  const loop = { wire: wire as unknown as Deno.TcpConn, plain: plain as unknown as Deno.TlsConn };
  const loops = new LoopbackPool(() => Promise.resolve(loop));
  const connection = new TlsConnection(peer as unknown as Deno.TcpConn, loops);
  await assertRejects(() => connection.write(HELLO), Deno.errors.NotConnected);
  peer.give(HELLO);
  await settled();
  assertEquals(wire.taken, HELLO.length);

  const flood = Array.from({ length: 10 }, () => new Uint8Array(1_000));
  peer.give(...flood);
  await settled();
  assertEquals(wire.taken, HELLO.length);

  const read = connection.read(new Uint8Array(10));
  await settled();
  assertEquals(wire.taken, HELLO.length + 10_000);
  plain.give(new Uint8Array(5));
  assertEquals(await within(read, "what was read"), 5);

  peer.give(...flood);
  await settled();
  assertEquals(wire.taken, HELLO.length + 10_000);

  const closed = connection.close();
  await settled();
  assertEquals(wire.taken, HELLO.length + 20_000);
  wire.give(null); // all that was said is passed on
  await within(closed, "the end");
  assertEquals([peer.closed, wire.closed, plain.closed], [true, true, true]);
});
