import { assertEquals, assertRejects } from "@std/assert";
import { readClientHello } from "../../../lib/tls/client_hello.ts";

const LONGEST = 2 ** 14;

/** A handshake record of `length` bytes, and `extra` bytes after it. */
function record(length: number, extra = 0): Uint8Array {
  const bytes = new Uint8Array(5 + length + extra).map((_, at) => at);
  bytes.set([0x16, 3, 1, length >> 8, length & 0xff]);
  return bytes;
}

/** Sends `bytes`, at most `portion` at once, and records what it receives. */
class Peer {
  readonly received: number[] = [];
  #sent = 0;
  constructor(readonly bytes: Uint8Array, readonly portion = Infinity) {}

  read(into: Uint8Array): Promise<number | null> {
    const part = this.bytes.subarray(this.#sent).subarray(0, Math.min(this.portion, into.length));
    into.set(part);
    this.#sent += part.length;
    return Promise.resolve(part.length === 0 ? null : part.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.received.push(...bytes);
    return Promise.resolve(bytes.length);
  }
}

Deno.test("readClientHello() reads until the first record is complete, in portions of any size", async () => {
  for (const length of [1, 300, LONGEST]) {
    for (const portion of [1, 5, 4_096]) {
      const peer = new Peer(record(length), portion);
      assertEquals(await readClientHello(peer), record(length), `${length} in ${portion}s`);
      assertEquals(peer.received, []);
    }
  }
  assertEquals(await readClientHello(new Peer(record(1, 10))), record(1, 10));
});

Deno.test("readClientHello() rejects what does not begin like a handshake record", async () => {
  const wrong = [new Uint8Array([0x17]), record(LONGEST + 1).subarray(0, 5)];
  for (const bytes of wrong) {
    const peer = new Peer(bytes);
    await assertRejects(() => readClientHello(peer), Deno.errors.InvalidData);
    assertEquals(peer.received, [0x15, 3, 3, 0, 2, 2, 10]);
  }
});

Deno.test("readClientHello() rejects a record that the peer does not complete", async () => {
  for (const length of [0, 4, 5, 304]) {
    const peer = new Peer(record(300).subarray(0, length));
    await assertRejects(() => readClientHello(peer), Deno.errors.UnexpectedEof);
  }
});
