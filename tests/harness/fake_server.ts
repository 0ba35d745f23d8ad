import { importSecret, makeNonce, prove } from "../../lib/wire/auth.ts";
import { LIMITS, type Limits } from "../../lib/wire/limits.ts";
import { RawPeer } from "./raw_peer.ts";
import { SECRET } from "./secrets.ts";

/** A server on a free port that runs `script` on each connection. Disposing it closes all of them. */
export class FakeServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;
  readonly #peers: RawPeer[] = [];

  constructor(script: (peer: RawPeer) => Promise<void>) {
    this.#accepting = this.#accept(script);
  }

  get address(): Deno.NetAddr {
    return this.#listener.addr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const peer of this.#peers) hangUp(peer);
  }

  async #accept(script: (peer: RawPeer) => Promise<void>): Promise<void> {
    try {
      while (true) {
        const peer = new RawPeer(await this.#listener.accept());
        this.#peers.push(peer);
        script(peer).catch(() => {}); // the client hung up; the test checks what the client saw
      }
    } catch { /* the listener is closed: the test is over */ }
  }
}

/** Closes the connection of a peer. Does nothing if it is closed already. */
export function hangUp(peer: RawPeer): void {
  try {
    peer.conn.close();
  } catch { /* closed already */ }
}

/** Answers `hello` and `auth` as a correct server does, with the deviations in the options. */
export async function acceptLogin(
  peer: RawPeer,
  { role = "echo", secret = SECRET, limits = {}, more = {} }: {
    role?: string;
    secret?: string;
    limits?: Partial<Limits>;
    /** Fields of the `hello` reply to add or replace. */
    more?: Record<string, unknown>;
  } = {},
): Promise<void> {
  const hello = await peer.hear();
  const serverNonce = makeNonce();
  const challenge = { role, clientNonce: hello.body.nonce, serverNonce };
  const proof = await prove(await importSecret(secret), "server", challenge);
  await peer.say({
    v: 1,
    id: hello.id,
    ok: true,
    body: {
      role,
      name: `${role}-1`,
      version: "1.0.0",
      protocols: [1],
      nonce: serverNonce,
      proof,
      limits: { ...LIMITS, ...limits },
      ...more,
    },
  });
  const auth = await peer.hear();
  await peer.say({ v: 1, id: auth.id, ok: true, body: {} });
}
