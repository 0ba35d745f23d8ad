/**
 * One connection to a server of baton/1: carries many requests at once, and matches each reply to its
 * request by id.
 *
 * The room: a caller asks a link, which picks a peer (one address of an agent), which holds a client
 * (one connection). A client logs in with `login`, and keeps what it waits for in `PendingRequests`.
 *
 * @module
 */
import { type Address, addressText } from "../address.ts";
import { CodedError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { LineReader } from "../lines.ts";
import { backoffMs, sleep } from "../retry.ts";
import { type Clock, type Duplex, SYSTEM, type System } from "../system.ts";
import { makeNonce, type Secret } from "../wire/auth.ts";
import type { Welcome } from "../wire/handshake.ts";
import { LIMITS, LINE_BYTES_MAX } from "../wire/limits.ts";
import { LineWriter } from "../wire/line_writer.ts";
import { assertSendable, decodeReply, encode, fromWire, PROTOCOL } from "../wire/protocol.ts";
import { refuseTls } from "../wire/refuse_tls.ts";
import { login } from "./login.ts";
import { PendingRequests } from "./pending.ts";

/** By default, the time for the connection and the login together. */
const CONNECT_MS = 3_000;
/** Longest line from a server that has not proved who it is; its `hello` has less than 1,000 bytes. */
const LINE_BYTES_BEFORE_AUTH = 65_536;
/** Between two attempts while the server has no room, on top of the wait that it asks for. */
const BUSY_BACKOFF = { baseMs: 25, maxMs: 100 };
/** A timer that is later than this shows that the process was stopped. */
const STALL_MS = 250;

/** What `Client.connect` takes. */
export interface ClientOptions {
  readonly address: Address;
  readonly secret: Secret;
  /** The role that the server must have. */
  readonly role: string;
  /** Time for the connection and the login together, in milliseconds; 3,000 by default. */
  readonly connectMs?: number;
  readonly system?: Pick<System, "clock" | "net"> & { readonly random?: System["random"] };
}

/** How a request is sent. */
export interface CallOptions {
  /** Stays the same when a request is repeated; a new one by default. */
  readonly id?: string;
  readonly timeoutMs: number;
}

/** A connection to a server. Close it when it is no longer needed. */
export class Client implements Disposable {
  readonly #conn: Duplex;
  readonly #clock: Clock;
  readonly #reader: LineReader;
  readonly #writer: LineWriter;
  readonly #address: string;
  readonly #pending = new PendingRequests();
  readonly #closed = Promise.withResolvers<CodedError>();
  readonly #idPrefix = makeNonce().slice(0, 12);
  #requests = 0;
  /** Why the connection has ended. */
  #error: CodedError | undefined;
  #welcome: Welcome | undefined;

  private constructor(conn: Duplex, address: string, clock: Clock) {
    this.#conn = conn;
    this.#clock = clock;
    this.#address = address;
    this.#reader = new LineReader(refuseTls(conn), clock);
    this.#writer = new LineWriter(conn, LIMITS.unread_bytes, clock);
  }

  /**
   * Connects and logs in. Tries again while the server has no room, until `connectMs` have passed.
   *
   * @throws {CodedError} `agent_unreachable` if nobody answers in time, `busy` if the server had no
   * room all the time, `auth_failed` if it can't be trusted (see `login`)
   */
  static async connect(options: ClientOptions): Promise<Client> {
    const { connectMs = CONNECT_MS, system = SYSTEM } = options;
    const { clock, random } = { ...SYSTEM, ...system };
    const deadline = clock.now() + connectMs;
    const remainingMs = (): number => Math.max(1, Math.ceil(deadline - clock.now()));
    let busy: CodedError | undefined;
    for (let attempt = 1;; attempt++) {
      try {
        return await Client.#connectOnce(options, remainingMs);
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== "busy") {
          // An attempt that the deadline cut short says less than the one before it.
          throw clock.now() >= deadline ? busy ?? error : error;
        }
        busy = error;
        const ms = error.afterMs! + backoffMs(attempt, BUSY_BACKOFF, random);
        if (clock.now() + ms >= deadline) throw error;
        await sleep(ms, undefined, clock);
      }
    }
  }

  static async #connectOnce(options: ClientOptions, remainingMs: () => number): Promise<Client> {
    const { address, secret, role, system } = options;
    const client = await Client.open(address, remainingMs(), system);
    try {
      client.#welcome = await login((...args) => client.call(...args), {
        secret,
        role,
        address: client.#address,
        remainingMs,
      });
      return client;
    } catch (error) {
      client.close();
      if (!(error instanceof CodedError) || error.code !== "deadline_exceeded") throw error;
      const options = { cause: error, maybeDone: false };
      throw new CodedError("agent_unreachable", error.message, options);
    }
  }

  /**
   * Connects without a login. A server answers only `health` and `ping` then.
   *
   * @throws {CodedError} `agent_unreachable`; `busy` if a server with TLS has no room
   */
  static async open(
    address: Address,
    connectMs = CONNECT_MS,
    { clock, net }: Pick<System, "clock" | "net"> = SYSTEM,
  ): Promise<Client> {
    const aborter = new AbortController();
    const cancel = clock.after(connectMs, () => aborter.abort());
    try {
      const conn = await net.connect({ ...address, signal: aborter.signal });
      conn.setNoDelay();
      const client = new Client(conn, addressText(address), clock);
      client.#read();
      return client;
    } catch (cause) {
      const isLate = aborter.signal.aborted;
      const why = isLate ? `no answer in ${connectMs} ms` : (cause as Error).message;
      const coded = !isLate && cause instanceof CodedError ? cause : undefined;
      const message = `Cannot connect to ${addressText(address)}: ${why}`;
      const options = { cause, afterMs: coded?.afterMs, maybeDone: false };
      throw new CodedError(coded?.code ?? "agent_unreachable", message, options);
    } finally {
      cancel();
    }
  }

  /** What the server says about itself; `undefined` before the login. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Number of requests that have no reply yet. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Resolves to the reason when the connection has ended. */
  get closed(): Promise<CodedError> {
    return this.#closed.promise;
  }

  /**
   * Sends a request and resolves to the body of its reply.
   *
   * @throws {CodedError} the error in the reply; `deadline_exceeded` after `timeoutMs`;
   * `agent_unreachable` if the connection ends first, so that the outcome is unknown;
   * `line_too_long` or `bad_json` for a request that the server would answer by closing the
   * connection: it is not sent
   * @throws {TypeError} if a request with this id waits for its reply already
   */
  async call(type: string, body: JsonObject, { id, timeoutMs }: CallOptions): Promise<JsonObject> {
    if (this.#error !== undefined) throw this.#error;
    const key = id ?? `${this.#idPrefix}-${++this.#requests}`;
    const timeout_ms = Math.max(1, Math.floor(timeoutMs));
    const line = encode({ v: PROTOCOL, id: key, type, timeout_ms, body });
    assertSendable(line, this.#welcome?.limits ?? LIMITS);
    const reply = this.#pending.add(key);
    const message =
      `Cannot wait longer for ${type} at ${this.#address}: no reply in ${timeoutMs} ms`;
    const cancel = onTimeout(this.#clock, timeoutMs, () => {
      this.#pending.abandon(key, new CodedError("deadline_exceeded", message));
      if (this.#pending.isOverrun) this.close();
    });
    try {
      this.#writer.write(line);
      return await reply;
    } catch (error) {
      throw error instanceof CodedError ? error : this.#lost(error);
    } finally {
      cancel();
      this.#pending.delete(key);
    }
  }

  /**
   * Ends the connection, and rejects every pending request with `reason`: by default
   * `agent_unreachable`, since their outcome is unknown. Does nothing if it has ended already.
   */
  close(reason?: CodedError): void {
    if (this.#error !== undefined) return;
    this.#error = reason ?? this.#lost(undefined);
    this.#conn.close();
    this.#pending.rejectAll(this.#error);
    this.#closed.resolve(this.#error);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #lineBytesMax(): number {
    return this.#welcome === undefined ? LINE_BYTES_BEFORE_AUTH : LINE_BYTES_MAX;
  }

  /**
   * Returns the error for the pending requests when the server reports one without an id. It says
   * nothing about the outcome of a single request, unless that is part of the login.
   */
  #closedByServer(reason: CodedError): CodedError {
    return this.#welcome === undefined ? reason : this.#lost(reason);
  }

  #lost(cause: unknown): CodedError {
    const why = cause instanceof Error ? cause.message : "the connection ended";
    return new CodedError("agent_unreachable", `Lost ${this.#address}: ${why}`, { cause });
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.#reader.lines(() => this.#lineBytesMax)) {
        const reply = decodeReply(line);
        if (reply.id !== undefined) this.#pending.settle(reply.id, reply);
        else if (!reply.ok) return this.close(this.#closedByServer(fromWire(reply.error)));
        if (this.#pending.isOverrun) break;
      }
      this.close();
    } catch (error) {
      this.close(this.#lost(error));
    }
  }
}

/**
 * Calls `callback` after `ms`. If the process was stopped meanwhile, it calls it a moment later: after
 * a stop, timers fire before sockets are read, and the reply may be there already.
 *
 * @returns a function that prevents the call
 */
function onTimeout(clock: Clock, ms: number, callback: () => void): () => void {
  const due = clock.now() + ms;
  let cancel = clock.after(ms, () => {
    if (clock.now() - due < STALL_MS) callback();
    else cancel = clock.after(STALL_MS, callback);
  });
  return () => cancel();
}
