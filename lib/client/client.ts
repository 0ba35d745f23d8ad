/**
 * Many requests over one connection, matched to their replies by id.
 *
 * @module
 */
import { type Address, addressText } from "../address.ts";
import { makeNonce, type Secret } from "../wire/auth.ts";
import { CodedError } from "../errors.ts";
import type { Welcome } from "../wire/handshake.ts";
import { LIMITS, LINE_BYTES_MAX } from "../wire/limits.ts";
import { LineReader } from "../lines.ts";
import { LineWriter } from "../wire/line_writer.ts";
import { refuseTls } from "../wire/refuse_tls.ts";
import type { JsonObject } from "../json.ts";
import { assertSendable, decodeReply, encode, fromWire, PROTOCOL } from "../wire/protocol.ts";
import { backoffMs, sleep } from "../retry.ts";
import { type Clock, type Duplex, SYSTEM, type System } from "../system.ts";
import { login } from "./login.ts";
import { PendingRequests } from "./pending.ts";

/** Opening a connection and proving who is who takes no longer, both together. */
const CONNECT_MS = 3_000;
/** No line is longer as long as nobody knows who sends it; a hello has less than a thousand bytes. */
const LINE_BYTES_BEFORE_AUTH = 65_536;
/** Between two tries where the server has no room. */
const CROWDED = { baseMs: 25, maxMs: 100 };
/** A timer that is later than this says that the process stood still; the reply may be here already. */
const STALL_MS = 250;

export interface ClientOptions {
  readonly address: Address;
  readonly secret: Secret;
  /** The role that must answer there. */
  readonly role: string;
  /** For the connection and both proofs together, in milliseconds; by default 3 s. */
  readonly connectMs?: number;
  readonly system?: Pick<System, "clock" | "net"> & { readonly random?: System["random"] };
}

export interface CallOptions {
  /** Stays the same when a request is repeated; by default one that was never used before. */
  readonly id?: string;
  readonly timeoutMs: number;
}

export class Client implements Disposable {
  readonly #conn: Duplex;
  readonly #clock: Clock;
  readonly #reader: LineReader;
  readonly #writer: LineWriter;
  readonly #place: string;
  readonly #pending = new PendingRequests();
  readonly #closed = Promise.withResolvers<CodedError>();
  #over: CodedError | undefined;
  #welcome: Welcome | undefined;
  readonly #prefix = makeNonce().slice(0, 12);
  #calls = 0;

  private constructor(conn: Duplex, place: string, clock: Clock) {
    this.#conn = conn;
    this.#clock = clock;
    this.#place = place;
    this.#reader = new LineReader(refuseTls(conn), clock);
    this.#writer = new LineWriter(conn, LIMITS.unread_bytes, clock);
  }

  /**
   * Connects, and makes sure that both sides hold the secret; where the server has no room, again
   * and again until that has taken too long.
   *
   * @throws {CodedError} `agent_unreachable` where nobody answers in time, `busy` where there is no
   * room all the time, `auth_failed` where who answers does not hold the secret, has another role,
   * or does not let us in
   */
  static async connect(options: ClientOptions): Promise<Client> {
    const { connectMs = CONNECT_MS, system = SYSTEM } = options;
    const { clock, random } = { ...SYSTEM, ...system };
    const until = clock.now() + connectMs;
    let busy: CodedError | undefined;
    for (let attempt = 1;; attempt++) {
      try {
        return await Client.#connectOnce(
          options,
          () => Math.max(1, Math.ceil(until - clock.now())),
        );
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== "busy") {
          // The last try had next to no time, and so tells less than the one before.
          throw clock.now() >= until ? busy ?? error : error;
        }
        busy = error;
        const ms = error.afterMs! + backoffMs(attempt, CROWDED, random);
        if (clock.now() + ms >= until) throw error;
        await sleep(ms, undefined, clock);
      }
    }
  }

  static async #connectOnce(options: ClientOptions, leftMs: () => number): Promise<Client> {
    const { address, secret, role, system } = options;
    const client = await Client.open(address, leftMs(), system);
    try {
      client.#welcome = await login((...args) => client.call(...args), {
        secret,
        role,
        address: client.#place,
        remainingMs: leftMs,
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
   * Connects without any proof, for `health` and `ping` alone.
   *
   * @throws {CodedError} `agent_unreachable`, `busy` where TLS found no room
   */
  static async open(
    address: Address,
    connectMs = CONNECT_MS,
    { clock, net }: Pick<System, "clock" | "net"> = SYSTEM,
  ): Promise<Client> {
    const place = addressText(address);
    const aborter = new AbortController();
    const cancel = clock.after(connectMs, () => aborter.abort());
    try {
      const conn = await net.connect({ ...address, signal: aborter.signal });
      conn.setNoDelay();
      const client = new Client(conn, place, clock);
      client.#read();
      return client;
    } catch (cause) {
      const late = aborter.signal.aborted;
      const why = late ? `no answer in ${connectMs} ms` : (cause as Error).message;
      const known = !late && cause instanceof CodedError ? cause : undefined;
      const message = `Cannot connect to ${place}: ${why}`;
      const options = { cause, afterMs: known?.afterMs, maybeDone: false };
      throw new CodedError(known?.code ?? "agent_unreachable", message, options);
    } finally {
      cancel();
    }
  }

  /** What the server told of itself. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Requests without a reply. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Resolves, with the reason, when the connection has ended. */
  get closed(): Promise<CodedError> {
    return this.#closed.promise;
  }

  /**
   * Sends a request and gives the body of its reply.
   *
   * @throws {CodedError} what the server answered; `deadline_exceeded` where it did not in time;
   * `agent_unreachable` where the connection ended before, the outcome then being unknown;
   * `line_too_long` or `bad_json` where the request would end the connection for everyone on it, and
   * is not sent
   * @throws {TypeError} where a request with this id waits on this connection already
   */
  async call(type: string, body: JsonObject, { id, timeoutMs }: CallOptions): Promise<JsonObject> {
    if (this.#over !== undefined) throw this.#over;
    const key = id ?? `${this.#prefix}-${++this.#calls}`;
    const timeout_ms = Math.max(1, Math.floor(timeoutMs));
    const line = encode({ v: PROTOCOL, id: key, type, timeout_ms, body });
    assertSendable(line, this.#welcome?.limits ?? LIMITS);
    const reply = this.#pending.add(key);
    const message = `Cannot wait longer for ${type} at ${this.#place}: no reply in ${timeoutMs} ms`;
    const stop = onTimeout(this.#clock, timeoutMs, () => {
      this.#pending.abandon(key, new CodedError("deadline_exceeded", message));
      if (this.#pending.isOverrun) this.close();
    });
    try {
      this.#writer.write(line);
      return await reply;
    } catch (error) {
      throw error instanceof CodedError ? error : this.#lost(error);
    } finally {
      stop();
      this.#pending.delete(key);
    }
  }

  /** Ends the connection; whoever waits is told that the outcome is unknown. */
  close(reason?: CodedError): void {
    if (this.#over !== undefined) return;
    this.#over = reason ?? this.#lost(undefined);
    this.#conn.close();
    this.#pending.rejectAll(this.#over);
    this.#closed.resolve(this.#over);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #lineBytes(): number {
    return this.#welcome === undefined ? LINE_BYTES_BEFORE_AUTH : LINE_BYTES_MAX;
  }

  /** What the server says of the connection as a whole tells a request nothing about its outcome. */
  #closedByServer(reason: CodedError): CodedError {
    return this.#welcome === undefined ? reason : this.#lost(reason);
  }

  #lost(cause: unknown): CodedError {
    const why = cause instanceof Error ? cause.message : "the connection ended";
    return new CodedError("agent_unreachable", `Lost ${this.#place}: ${why}`, { cause });
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.#reader.lines(() => this.#lineBytes)) {
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

/** Calls `late` after `ms`, or a moment later where the process stood still meanwhile. */
function onTimeout(clock: Clock, ms: number, late: () => void): () => void {
  const due = clock.now() + ms;
  let cancel = clock.after(ms, () => {
    if (clock.now() - due < STALL_MS) late();
    else cancel = clock.after(STALL_MS, late);
  });
  return () => cancel();
}
