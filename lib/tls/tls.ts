/**
 * TLS in place of plain TCP. A listener shows a certificate, and the side that connects checks it
 * against a private CA. Clients show no certificate: who a peer is, the shared secret proves.
 *
 * PEM texts and a plain network go in, a network that speaks TLS comes out. Start reading at
 * `tlsNet`. The side that connects is in connector.ts. The side that listens is in listener.ts, which
 * makes a connection.ts for each peer.
 *
 * Why this room exists: `Deno.TlsConn.close()` has no time limit. It completes the handshake first
 * (denoland/deno#14547), then flushes unsent data in the background (denoland/deno#10146), and only
 * then closes the socket. A peer that stops in its handshake, or never reads, keeps the descriptor
 * for as long as it likes; seen with Deno 2.9.6. A thousand such peers would leave a server deaf.
 *
 * What makes it deletable: a `Deno.TlsConn` that frees its socket within a bounded time, whatever the
 * peer does. Then `Deno.listenTls` and `Deno.connectTls` replace all but this file. To see whether
 * Deno has come there, return `Deno.listenTls({ ...options, ...identity })` below and run
 * tests/lib/tls/listener_test.ts: its first two tests fail today.
 *
 * Each guard in this room names the attack that it is for, and the test that fails without it.
 *
 * @module
 */
import type { Net } from "../system.ts";
import { TlsConnector } from "./connector.ts";
import { type Identity, TlsListener } from "./listener.ts";

/** What a network needs to speak TLS, as PEM. */
export interface Tls {
  /** The certificate and key that listeners use. Without it, they accept plain text. */
  readonly identity?: Identity;
  /** The CA that certificates of servers must come from. Without it, connections are plain text. */
  readonly ca?: string;
}

/**
 * Returns a network that speaks TLS in each direction for which `tls` has what it takes. In that
 * direction it never falls back to `plain`.
 */
export function tlsNet({ identity, ca }: Tls, plain: Net): Net {
  const connector = ca === undefined ? plain : new TlsConnector(ca);
  return {
    listen: (options) =>
      identity === undefined ? plain.listen(options) : new TlsListener(options, identity),
    connect: (options) => connector.connect(options),
  };
}
