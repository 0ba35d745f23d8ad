import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Address } from "../../../lib/address.ts";
import { CodedError } from "../../../lib/errors.ts";
import { sleep } from "../../../lib/retry.ts";
import { TlsConnector } from "../../../lib/tls/connector.ts";
import { FakeServer, hangUp } from "../../harness/fake_server.ts";
import { serve } from "../../harness/test_server.ts";
import { until, within } from "../../harness/waiting.ts";
import { PrivateCa, tlsTest } from "./private_ca.ts";

// Seen to fail: with names that are not compared, with a fallback to plain text, and without a bound
// on unfinished handshakes.

/** Returns why there is no connection. */
async function rejection(connector: TlsConnector, { hostname, port }: Address): Promise<Error> {
  return await within(
    assertRejects(() => connector.connect({ hostname, port }), Error),
    "a rejection",
  );
}

tlsTest("TlsConnector compares the names in a certificate with the host name", async (ca) => {
  const connector = new TlsConnector(ca.ca);
  await using server = await serve({ system: await ca.system() });
  const { port } = server.address;
  await (await connector.connect({ hostname: "localhost", port })).close();
  await ca.certify("collector", "DNS:collector", 10);
  await using renamed = await serve({ system: await ca.system() });
  const { message } = await rejection(connector, renamed.address);
  assertMatch(message, /not valid for name "127.0.0.1"/);
});

tlsTest(
  "TlsConnector rejects a certificate of another CA, and one that has expired",
  async (ca) => {
    await using other = await PrivateCa.make();
    await using server = await serve({ system: await ca.system() });
    const unknown = await rejection(new TlsConnector(other.ca), server.address);
    assertMatch(unknown.message, /not of the CA in --tls-ca/);
    await ca.certify("collector", "IP:127.0.0.1", -1);
    await using old = await serve({ system: await ca.system() });
    assertMatch((await rejection(new TlsConnector(ca.ca), old.address)).message, /expired/i);
  },
);

tlsTest("TlsConnector sends nothing but a handshake to a listener without TLS", async (ca) => {
  const connector = new TlsConnector(ca.ca);
  await using server = await serve();
  const { message } = await rejection(connector, server.address);
  assertMatch(message, /does not speak TLS.*--tls-cert/);
  const received: Uint8Array[] = [];
  await using spy = new FakeServer(async ({ conn }) => {
    const bytes = new Uint8Array(4096);
    for (let read; (read = await conn.read(bytes)) !== null;) {
      received.push(bytes.slice(0, read));
      conn.closeWrite();
    }
  });
  const error = await rejection(connector, spy.address) as CodedError;
  assertEquals([error.code, error.afterMs], ["busy", 50]);
  assertMatch(error.message, /crowded, or does not speak TLS/);
  const text = received.map((bytes) => new TextDecoder().decode(bytes)).join("");
  assertEquals(received[0][0], 0x16);
  assertEquals(/hello|nonce|"v"/.test(text), false, text);
});

tlsTest("TlsConnector keeps at most 32 unfinished handshakes with one address", async (ca) => {
  const connector = new TlsConnector(ca.ca);
  const ended = Promise.withResolvers<void>();
  let begun = 0;
  await using server = new FakeServer(async (peer) => {
    await peer.conn.read(new Uint8Array(4096));
    begun++;
    await ended.promise;
    hangUp(peer);
  });
  const { hostname, port } = server.address;
  for (let n = 1; n <= 32; n++) {
    const aborter = new AbortController();
    const connecting = connector.connect({ hostname, port, signal: aborter.signal });
    await until(() => begun === n, "the server has the beginning of a handshake");
    aborter.abort(new Error("Too late"));
    await assertRejects(() => connecting, Error, "Too late");
  }
  const next = async (): Promise<string> => (await rejection(connector, server.address)).message;
  assertMatch(await next(), /left 32 TLS handshakes without an end/);
  assertEquals(begun, 32);
  ended.resolve();
  const retried = async (): Promise<void> => {
    while (/without an end/.test(await next())) await sleep(1); // in which the ends arrive
  };
  await within(retried(), "another attempt");
});
