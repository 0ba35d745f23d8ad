/**
 * What the tests of the client share.
 *
 * @module
 */
import { assertRejects } from "@std/assert";
import type { Address } from "../../../lib/address.ts";
import { Client } from "../../../lib/client/client.ts";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { importSecret } from "../../../lib/wire/auth.ts";
import { acceptLogin, FakeServer } from "../../harness/fake_server.ts";
import type { Message, RawPeer } from "../../harness/raw_peer.ts";
import { SECRET } from "../../harness/secrets.ts";
import { within } from "../../harness/waiting.ts";

export const secret = importSecret(SECRET);

/** A timeout that no test reaches. */
export const LONG = { timeoutMs: 60_000 };

/** Connects with the secret of the tests. */
export const connect = (address: Address, role = "echo"): Promise<Client> =>
  Client.connect({ address, secret, role, connectMs: 30_000 });

/** Returns the `CodedError` that the promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<CodedError> {
  return await within(assertRejects(() => promise, CodedError), "a rejection");
}

/** A server that accepts the login, and then runs `script`. */
export function afterLogin(script: (peer: RawPeer) => Promise<void>): FakeServer {
  return new FakeServer(async (peer) => {
    await acceptLogin(peer);
    await script(peer);
  });
}

/** A reply with this body. */
export const ok = (id: string, body: Message = {}): Message => ({ v: 1, id, ok: true, body });

/** A reply with this error; without an id it concerns the whole connection. */
export const failed = (id: string | undefined, code: ErrorCode): Message => ({
  v: 1,
  id,
  ok: false,
  error: { code, message: "Told so", retry: "no", maybe_done: false },
});
