import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import { claimPorts } from "../../../lib/launch/ports.ts";
import { sleep } from "../../../lib/retry.ts";
import { loopbackPort } from "../../../lib/roles.ts";
import type { Connection, Listener } from "../../../lib/system.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { within } from "../../harness/waiting.ts";
import { type PrivateCa, tlsTest } from "./private_ca.ts";

// Seen to fail: with `Deno.listenTls` in place of the room, without the time limit of a close, and
// with the first connection to the loopback port taken for our own.

const hostname = "127.0.0.1";

async function listen(ca: PrivateCa, port = 0): Promise<Listener & Disposable> {
  const listener = (await ca.system()).net.listen({ hostname, port });
  return Object.assign(listener, { [Symbol.dispose]: () => listener.close() });
}

/** Starts to read, as a server does, so that the handshake goes on. */
function startReading(connection: Connection): Promise<unknown> {
  return connection.read(new Uint8Array(10)).catch(() => {});
}

tlsTest("TlsListener frees the sockets of peers that stay, whatever they have sent", async (ca) => {
  using listener = await listen(ca);
  for (const sent of [[], [0x16, 3, 1], [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]]) {
    using peer = await RawPeer.connect(listener.addr);
    await peer.send(new Uint8Array(sent));
    const connection = await listener.accept();
    startReading(connection);
    await connection.close();
    // It has not hung up: that it sees the end means that the socket is closed.
    await within(peer.rest(), `the end after ${sent.length} bytes`);
  }
  const connecting = RawPeer.overTls(listener.addr, ca.ca);
  const connection = await listener.accept();
  startReading(connection);
  using silent = await connecting;
  await silent.conn.handshake();
  await connection.close();
  await within(silent.rest(), "the end after a handshake");
});

tlsTest("TlsListener frees the socket of a peer that reads nothing", async (ca) => {
  using listener = await listen(ca);
  const connecting = RawPeer.overTls(listener.addr, ca.ca);
  const connection = await listener.accept();
  const reading = startReading(connection);
  using peer = await connecting;
  await peer.send("x");
  await reading;
  let written = 0;
  const flooding = (async () => {
    for (const block = new Uint8Array(64 * 1024);;) written += await connection.write(block);
  })().catch(() => {}); // until the close
  for (let before = -1; before < written;) { // until all buffers are full
    before = written;
    await sleep(200);
  }
  await within(Promise.resolve(connection.close()), "the close");
  await within(flooding, "the end of the writes");
  let received = 0;
  const block = new Uint8Array(64 * 1024);
  const readAll = async (): Promise<void> => {
    for (let read; (read = await peer.conn.read(block)) !== null;) received += read;
  };
  await within(assertRejects(readAll), "the end of what was sent"); // it is cut off
  assertEquals(received < written, true);
});

tlsTest("TlsListener does not serve strangers on its loopback port", async (ca) => {
  using ports = claimPorts();
  const port = ports.orchestrator;
  using listener = await listen(ca, port);
  using stack = new DisposableStack();
  for (let n = 0; n < 3; n++) {
    stack.use(await RawPeer.connect({ hostname, port: loopbackPort(port) }));
  }
  const connecting = RawPeer.overTls({ hostname, port }, ca.ca);
  const connection = await listener.accept();
  const into = new Uint8Array(10);
  const reading = connection.read(into);
  using peer = await connecting;
  await peer.send("from the peer".slice(0, 4));
  assertEquals(await within(reading, "what the peer sends"), 4);
  assertEquals(new TextDecoder().decode(into.subarray(0, 4)), "from");
  await connection.close();
});

tlsTest("TlsListener reports a taken loopback port and keeps no port", async (ca) => {
  using ports = claimPorts();
  const port = ports.orchestrator;
  using _taken = Deno.listen({ hostname, port: loopbackPort(port) });
  const busy = await assertRejects(() => listen(ca, port), ExitError);
  assertEquals(busy.reason, "port_busy");
  assertStringIncludes(busy.message, `${hostname}:${loopbackPort(port)}, which TLS needs as well`);
  Deno.listen({ hostname, port }).close();
});
