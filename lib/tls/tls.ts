/**
 * TLS in place of plain TCP: a listener shows a certificate, and whoever connects checks it against
 * a CA of one's own. Who the peers are is still proved by the secret; no client shows a certificate.
 *
 * @module
 */
import type { Net } from "../system.ts";
import { TlsConnector } from "./connector.ts";
import { type Identity, TlsListener } from "./listener.ts";

/** All of it as PEM. */
export interface Tls {
  /** What listeners show; without it they speak plain text. */
  readonly identity?: Identity;
  /** Who is trusted by whoever connects; without it that is done in plain text. */
  readonly ca?: string;
}

/** A network that speaks TLS where it is given what that takes, and never anything else there. */
export function tlsNet({ identity, ca }: Tls, plain: Net): Net {
  const connector = ca === undefined ? plain : new TlsConnector(ca);
  return {
    listen: (options) =>
      identity === undefined ? plain.listen(options) : new TlsListener(options, identity),
    connect: (options) => connector.connect(options),
  };
}
