/**
 * TLS in place of plain TCP: a listener shows a certificate, and whoever connects checks it against
 * a CA of one's own. Who the peers are is still proved by the secret; no client shows a certificate.
 *
 * @module
 */
import { CodedError } from "./errors.ts";
import type { Connection, Net } from "./system.ts";

/** What a TLS alert and a TLS handshake begin with, and no line does. */
const RECORD_TYPES = [0x15, 0x16];
const BOTH_OR_NEITHER =
  "give TLS to both sides or to neither: --tls-ca to the one that connects, " +
  "--tls-cert and --tls-key to the one that listens";

/** All of it as PEM. */
export interface Tls {
  /** What listeners show; without it they speak plain text. */
  readonly identity?: { readonly cert: string; readonly key: string };
  /** Who is trusted by whoever connects; without it that is done in plain text. */
  readonly ca?: string;
}

/** A network that speaks TLS where it is given what that takes, and never anything else there. */
export function tlsNet({ identity, ca }: Tls, plain: Net): Net {
  return {
    listen: (options) => {
      if (identity === undefined) return plain.listen(options);
      const listener = Deno.listenTls({ ...options, ...identity });
      return {
        addr: listener.addr,
        accept: async () => connection(await listener.accept()),
        close: () => listener.close(),
      };
    },
    connect: (options) => ca === undefined ? plain.connect(options) : connect(options, ca),
  };
}

/**
 * Looks at the first byte that a peer sends.
 *
 * @throws {CodedError} `bad_json` where it speaks TLS to a side that speaks plain text
 */
export function refuseTls(byte: number): void {
  if (!RECORD_TYPES.includes(byte)) return;
  throw new CodedError("bad_json", `Cannot read TLS as plain text; ${BOTH_OR_NEITHER}`);
}

async function connect(options: Deno.ConnectOptions, ca: string): Promise<Connection> {
  const { hostname = "127.0.0.1", signal } = options;
  const tcp = await Deno.connect(options);
  tcp.setNoDelay();
  const conn = await Deno.startTls(tcp, { hostname, caCerts: [ca] });
  const hangUp = (): void => conn.close();
  signal?.addEventListener("abort", hangUp);
  if (signal?.aborted) hangUp();
  try {
    await conn.handshake();
    return connection(conn);
  } catch (cause) {
    if (!signal?.aborted) hangUp();
    throw new Error(reason((cause as Error).message), { cause });
  } finally {
    signal?.removeEventListener("abort", hangUp);
  }
}

/** Why there was no handshake, in words that say what to do. */
function reason(message: string): string {
  if (/InvalidContentType|unexpected end of file|reset/i.test(message)) {
    return `it does not speak TLS; ${BOTH_OR_NEITHER}`;
  }
  if (/UnknownIssuer|BadSignature/.test(message)) {
    return "its certificate is not of the CA in --tls-ca";
  }
  return message;
}

/**
 * Deno turns Nagle's algorithm off for what it has connected, and can't for what it has accepted: an
 * answer right behind another one may be 40 ms late.
 */
function connection(conn: Deno.TlsConn): Connection {
  return Object.assign(conn, { setNoDelay: () => {} });
}
