import type { Address } from "../../lib/address.ts";
import { importSecret, makeNonce, prove } from "../../lib/wire/auth.ts";
import { SECRET } from "./secrets.ts";
import { within } from "./waiting.ts";

/** A message from the wire. A test reads the fields that it needs. */
// deno-lint-ignore no-explicit-any -- messages of every type pass through here
export type Message = any;

/** Writes all bytes, in portions of any size that the socket accepts. */
export async function writeBytes(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
}

/**
 * One end of a connection that sends any bytes and reads lines. It knows no limits and no rules, so
 * that a test can break them. Disposing it closes the connection.
 */
export class RawPeer<C extends Deno.Conn = Deno.TcpConn> implements Disposable {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #unfinished: Uint8Array[] = [];
  #lines: string[] = [];
  #ended = false;

  /** @param conn belongs to the peer from now on */
  constructor(readonly conn: C) {}

  /** Connects without TLS and sends nothing yet. */
  static async connect({ hostname, port }: Address): Promise<RawPeer> {
    return new RawPeer(await Deno.connect({ hostname, port }));
  }

  /** Connects with TLS. `ca` is the PEM text of the authority to trust. */
  static async overTls(address: Address, ca: string): Promise<RawPeer<Deno.TlsConn>> {
    const { hostname, port } = address;
    return new RawPeer(await Deno.connectTls({ hostname, port, caCerts: [ca] }));
  }

  /** Connects and logs in. Throws if the server refuses the login. */
  static async loggedIn(address: Address, secret = SECRET): Promise<RawPeer> {
    const peer = await RawPeer.connect(address);
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

  /** Sends each value as one line of JSON. All lines go out in one write. */
  async say(...values: unknown[]): Promise<void> {
    await this.send(values.map((value) => JSON.stringify(value) + "\n").join(""));
  }

  /** Returns the next line, or `undefined` if the other side has ended the connection. */
  async line(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#ended) {
      await within(this.#read(), "a line");
    }
    return this.#lines.shift();
  }

  /** Returns the next line as JSON. Throws if the connection ends first. */
  async hear(): Promise<Message> {
    const line = await this.line();
    if (line === undefined) throw new Error("The connection ended before the expected line");
    return JSON.parse(line);
  }

  /** Returns the next `count` messages by their id. */
  async hearAll(count: number): Promise<Map<string, Message>> {
    const heard = new Map<string, Message>();
    for (let n = 0; n < count; n++) {
      const message = await this.hear();
      heard.set(message.id, message);
    }
    return heard;
  }

  /** Sends a request and returns the next message, whichever request that answers. */
  async ask(type: string, body?: unknown, more: Record<string, unknown> = {}): Promise<Message> {
    await this.say({ v: 1, id: "q", type, body, ...more });
    return await this.hear();
  }

  /** Returns all messages that arrive before the other side ends the connection. */
  async rest(): Promise<Message[]> {
    const rest: Message[] = [];
    for (let line; (line = await this.line()) !== undefined;) rest.push(JSON.parse(line));
    return rest;
  }

  /**
   * Sends `hello` and `auth`; returns the reply to `auth`.
   *
   * @param role the role named in the proof; by default the role that the server says it has
   */
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
      read = null; // a reset ends the connection like any other end
    }
    if (read === null) {
      this.#ended = true;
      return;
    }
    let bytes = block.subarray(0, read);
    for (let end; (end = bytes.indexOf(10)) >= 0; bytes = bytes.subarray(end + 1)) {
      this.#lines.push(this.#decode([...this.#unfinished, bytes.subarray(0, end)]));
      this.#unfinished = [];
    }
    this.#unfinished.push(bytes);
  }

  #decode(parts: Uint8Array[]): string {
    const decoder = this.#decoder;
    return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
  }
}
