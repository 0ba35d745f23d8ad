/**
 * The two ends of a wire for tests: a peer that can misbehave, and a server that answers as told.
 *
 * @module
 */
import { importSecret, makeNonce, prove } from "../../lib/wire/auth.ts";
import type { Address } from "../../lib/address.ts";
import { ExitError } from "../../lib/exit.ts";
import { LIMITS, type Limits } from "../../lib/wire/limits.ts";
import type { Log } from "../../lib/log.ts";
import { Server } from "../../lib/server/server.ts";
import type { Service } from "../../lib/server/session.ts";
import type { System } from "../../lib/system.ts";

export const SECRET = "correct horse battery staple and more";
export const OTHER_SECRET = "a secret that nobody else here knows";

/** A promise that has not settled by then fails its test instead of hanging it. */
const PATIENCE_MS = 30_000;

// deno-lint-ignore no-explicit-any -- replies of any shape, looked at field by field
export type Message = any;

export async function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited too long for ${what}`)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `holds` does. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`Waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Writes all bytes, in whatever portions the socket takes them. */
export async function writeBytes(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
}

/** One end of a connection that sends any bytes and reads lines; it knows no limits. */
export class Peer<C extends Deno.Conn = Deno.TcpConn> implements Disposable {
  #rest: Uint8Array[] = [];
  #lines: string[] = [];
  #over = false;

  constructor(readonly conn: C) {}

  static async connect({ hostname, port }: Address): Promise<Peer> {
    return new Peer(await Deno.connect({ hostname, port }));
  }

  static async overTls(address: Address, ca: string): Promise<Peer<Deno.TlsConn>> {
    const { hostname, port } = address;
    return new Peer(await Deno.connectTls({ hostname, port, caCerts: [ca] }));
  }

  /** Connects and proves itself. */
  static async loggedIn(address: Address, secret = SECRET): Promise<Peer> {
    const peer = await Peer.connect(address);
    const reply = await peer.logIn(secret);
    if (!reply.ok) throw new Error(`Cannot log in: ${JSON.stringify(reply)}`);
    return peer;
  }

  /** Sends text or bytes as they are. */
  async send(...parts: (string | Uint8Array)[]): Promise<void> {
    const encoder = new TextEncoder();
    for (const part of parts) {
      await writeBytes(this.conn, typeof part === "string" ? encoder.encode(part) : part);
    }
  }

  /** Sends each value as a line, all of them in one write. */
  async say(...values: unknown[]): Promise<void> {
    await this.send(values.map((value) => JSON.stringify(value) + "\n").join(""));
  }

  /** The next line; `undefined` where the other side has ended the connection. */
  async line(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#over) {
      await within(this.#read(), "a line");
    }
    return this.#lines.shift();
  }

  /** The next line as JSON. */
  async hear(): Promise<Message> {
    const line = await this.line();
    if (line === undefined) throw new Error("The connection ended where a line was expected");
    return JSON.parse(line);
  }

  /** So many lines as JSON, by their id. */
  async hearAll(count: number): Promise<Map<string, Message>> {
    const heard = new Map<string, Message>();
    for (let n = 0; n < count; n++) {
      const message = await this.hear();
      heard.set(message.id, message);
    }
    return heard;
  }

  /** Sends a request and gives the next line, whatever it answers. */
  async ask(type: string, body?: unknown, more: Record<string, unknown> = {}): Promise<Message> {
    await this.say({ v: 1, id: "q", type, body, ...more });
    return await this.hear();
  }

  /** All that comes until the other side ends the connection. */
  async rest(): Promise<Message[]> {
    const rest: Message[] = [];
    for (let line; (line = await this.line()) !== undefined;) rest.push(JSON.parse(line));
    return rest;
  }

  async logIn(secret = SECRET, role?: string): Promise<Message> {
    const clientNonce = makeNonce();
    const welcome = await this.ask("hello", { nonce: clientNonce });
    const challenge = {
      role: role ?? welcome.body.role,
      clientNonce,
      serverNonce: welcome.body.nonce,
    };
    return await this.ask("auth", {
      mac: await prove(await importSecret(secret), "client", challenge),
    });
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }

  async #read(): Promise<void> {
    const block = new Uint8Array(64 * 1024);
    let read: number | null;
    try {
      read = await this.conn.read(block);
    } catch {
      read = null; // a reset ends a connection like any other end
    }
    if (read === null) {
      this.#over = true;
      return;
    }
    let bytes = block.subarray(0, read);
    for (let end; (end = bytes.indexOf(10)) >= 0; bytes = bytes.subarray(end + 1)) {
      this.#lines.push(text([...this.#rest, bytes.subarray(0, end)]));
      this.#rest = [];
    }
    this.#rest.push(bytes);
  }
}

function text(parts: Uint8Array[]): string {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}

export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly fields: Record<string, unknown>;
}

/** A log that keeps what it is told. */
export function keepLog(): { log: Log; logged: Logged[] } {
  const logged: Logged[] = [];
  return { logged, log: (level, event, fields = {}) => logged.push({ level, event, fields }) };
}

export const quiet: Log = () => {};

export interface ServeOptions {
  readonly answer?: Service["answer"];
  readonly health?: Service["health"];
  readonly limits?: Partial<Limits>;
  readonly role?: string;
  readonly secret?: string;
  readonly port?: number;
  readonly log?: Log;
  readonly onInternal?: Service["onInternal"];
  readonly system?: System;
}

/** A server on a free port that gives back the body of every request. */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const { role = "echo", secret = SECRET, port = 0, limits, log = quiet, system } = options;
  return new Server({
    hostname: "127.0.0.1",
    port,
    limits,
    log,
    system,
    service: {
      role,
      name: `${role}-1`,
      version: "1.0.0",
      secret: await importSecret(secret),
      health: options.health ?? (() => ({ status: "ok", role })),
      answer: options.answer ?? (({ body = {} }) => Promise.resolve(body)),
      onInternal: options.onInternal ?? (() => {}),
    },
  });
}

/** A server where another one was: its port may be free only a moment later. */
export async function serveAgain(options: ServeOptions & { port: number }): Promise<Server> {
  const begun = performance.now();
  while (true) {
    try {
      return await serve(options);
    } catch (error) {
      if (!(error instanceof ExitError) || performance.now() - begun > PATIENCE_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Accepts connections and does with each what it is told. */
export class FakeServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;
  readonly #peers: Peer[] = [];

  constructor(script: (peer: Peer) => Promise<void>) {
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

  async #accept(script: (peer: Peer) => Promise<void>): Promise<void> {
    try {
      while (true) {
        const peer = new Peer(await this.#listener.accept());
        this.#peers.push(peer);
        script(peer).catch(() => {}); // the client hung up: what it saw is what the test looks at
      }
    } catch { /* the listener is closed: the test is over */ }
  }
}

export function hangUp(peer: Peer): void {
  try {
    peer.conn.close();
  } catch { /* closed already */ }
}

/** The server's side of hello and auth, well done unless told otherwise. */
export async function letIn(
  peer: Peer,
  { role = "echo", secret = SECRET, limits = {}, more = {} }: {
    role?: string;
    secret?: string;
    limits?: Partial<Limits>;
    /** Beside, or in place of, what a server tells of itself. */
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
