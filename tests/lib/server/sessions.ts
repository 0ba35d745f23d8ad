/**
 * Sessions without a server around them, and answers that a test controls.
 *
 * @module
 */
import type { JsonObject } from "../../../lib/json.ts";
import type { Host } from "../../../lib/server/host.ts";
import { type Service, Session } from "../../../lib/server/session.ts";
import { importSecret } from "../../../lib/wire/auth.ts";
import { LIMITS, type Limits } from "../../../lib/wire/limits.ts";
import { type Message, RawPeer } from "../../harness/raw_peer.ts";
import { SECRET } from "../../harness/secrets.ts";
import { within } from "../../harness/waiting.ts";

/** The error codes of replies; `ok` for a reply without an error. */
export function codesOf(messages: Message[]): string[] {
  return messages.map(({ error }) => error?.code ?? "ok");
}

/** Answers only after the test has opened the gate. */
export function gatedAnswer(): {
  answer: () => Promise<JsonObject>;
  open: () => void;
  asked: () => number;
} {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  return {
    answer: async () => {
      asked++;
      await gate.promise;
      return {};
    },
    open: () => gate.resolve(),
    asked: () => asked,
  };
}

/** Three requests for 4 MB each: no socket holds all replies while the peer does not read. */
export const LARGE = ["a", "b", "c"].map((id) => ({ v: 1, id, type: "large" }));

export function largeAnswer(): Promise<JsonObject> {
  return Promise.resolve({ text: "x".repeat(4_000_000) });
}

export const SERVICE: Service = {
  role: "echo",
  name: "echo-1",
  version: "1.0.0",
  secret: importSecret(SECRET),
  health: () => ({}),
  answer: () => Promise.resolve({}),
  onInternal: () => {},
};

/** A host that keeps every connection and bounds nothing. */
export const HOST: Host = {
  onHello: () => {},
  onAuthenticated: () => {},
  onAuthFailure: () => 0,
  onAnswered: () => {},
  onOutOfDescriptors: () => {},
  onLimitExceeded: () => {},
  reserve: () => () => {},
  takeLine: (_bytes, work) => work(),
  nextBlock: () => undefined,
  onBuffered: () => {},
  onUnread: () => {},
};

/** A running session and its peer. */
export async function sessionWith(
  limits: Partial<Limits>,
  answer: () => Promise<JsonObject>,
  host: Partial<Host> = {},
): Promise<{ session: Session; peer: RawPeer } & AsyncDisposable> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [peer, conn] = await Promise.all([RawPeer.connect(listener.addr), listener.accept()]);
  const service = { ...SERVICE, answer };
  const session = new Session(conn, service, { ...LIMITS, ...limits }, { ...HOST, ...host });
  const running = session.run();
  return {
    session,
    peer,
    async [Symbol.asyncDispose]() {
      session.close();
      peer[Symbol.dispose]();
      await within(running, "the session to end");
    },
  };
}

/** What the system says if a process may open no more files. */
export const OUT_OF_DESCRIPTORS = Object.assign(
  new Error("Too many open files (os error 24)"),
  { code: "EMFILE" },
);
