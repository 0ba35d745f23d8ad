/**
 * One accepted connection. Its life: it is open, it says `hello`, it proves itself with `auth`, it
 * asks; it ends when the peer ends it and everything is answered, when a limit is broken, or when
 * the server closes it.
 *
 * @module
 */
import { type Challenge, makeNonce, prove, type Secret, verify } from "../wire/auth.ts";
import { advice, CodedError, type ErrorCode } from "../errors.ts";
import { Auth, Hello, type Welcome } from "../wire/handshake.ts";
import { LimitError, type LimitName, type Limits, LINE_BYTES_MAX } from "../wire/limits.ts";
import { LineReader } from "../lines.ts";
import { LineWriter } from "../wire/line_writer.ts";
import { refuseTls } from "../wire/refuse_tls.ts";
import type { JsonObject } from "../json.ts";
import {
  decodeRequest,
  encode,
  isLongerThan,
  PROTOCOL,
  type Reply,
  type Request,
  RequestError,
  toWire,
  validate,
} from "../wire/protocol.ts";
import { sleep } from "../retry.ts";
import { type Clock, type Duplex, SYSTEM } from "../system.ts";
import { isOutOfDescriptors } from "../system_errors.ts";

/** Empty lines in a row that are passed over. */
const BLANK_LINES_MAX = 100;
const CARRIAGE_RETURN = 0x0d;

/** What a server's owner answers with. */
export interface Service {
  readonly role: string;
  readonly name: string;
  readonly version: string;
  readonly secret: Secret;
  /** Said to anyone who asks, before any proof. */
  health(): JsonObject;
  /**
   * Answers a request of a peer that holds the secret.
   *
   * @param gone aborts when the connection has ended and nobody waits for the answer
   */
  answer(request: Request, gone: AbortSignal): Promise<JsonObject>;
  /** Is told what went wrong inside `answer` that the peer is only given a reference to. */
  onInternal(reference: string, error: unknown): void;
}

/** What a session tells the server that it belongs to. */
export interface Host {
  onHello(): void;
  /** The peer has proved that it holds the secret. */
  letIn(): void;
  /** The proof was wrong; how many milliseconds the answer to it is held back. */
  onWrongProof(): number;
  /** What came before a proof ends the connection; how many milliseconds that end is held back. */
  onRefused(): number;
  /**
   * Takes a request into hand, the `first` where the peer has no other there, and gives what lets go
   * of it; nothing where there is no room.
   */
  takeInHand(body: JsonObject, first: boolean): (() => void) | undefined;
  /** Takes a line of so many bytes when its turn has come. */
  takeLine<T>(bytes: number, work: () => Promise<T>, gone: AbortSignal): Promise<T>;
  /** Resolves when more may be read of a line that has so many bytes. */
  nextBlock(bytes: number, gone: AbortSignal): Promise<void> | undefined;
  /** The peer went beyond a limit. */
  onStrike(limit: LimitName): void;
  /** The connection could not go on for want of file descriptors. */
  onNoDescriptors(): void;
  /** So many bytes more, or fewer, are held for lines that come. */
  onHeld(bytes: number): void;
  /** So many characters more, or fewer, wait for the peer to read them. */
  onUnread(chars: number): void;
}

/** Of a session without a server. */
const NOBODY: Host = {
  onHello: () => {},
  letIn: () => {},
  onWrongProof: () => 0,
  onRefused: () => 0,
  takeInHand: () => () => {},
  takeLine: (_bytes, work) => work(),
  nextBlock: () => undefined,
  onStrike: () => {},
  onNoDescriptors: () => {},
  onHeld: () => {},
  onUnread: () => {},
};

export class Session {
  readonly #conn: Duplex;
  readonly #service: Service;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #host: Host;
  readonly #reader: LineReader;
  readonly #writer: LineWriter;
  readonly #gone = new AbortController();
  readonly #hungUp = Promise.withResolvers<void>();
  readonly #openedAt: number;
  #heardAt: number;
  #challenge: Challenge | undefined;
  #known = false;
  /** The proof or what came before it was wrong; what is left is to say so. */
  #refused = false;
  /** The peer knows why the connection ends. */
  #told = false;
  #askedBeforeAuth = 0;
  #struck = false;
  #inFlight = new Set<Promise<void>>();
  #blank = 0;
  #draining = false;
  #closed = false;
  /** What closing it gave. */
  #freed: void | Promise<void> = undefined;

  constructor(
    conn: Duplex,
    service: Service,
    limits: Limits,
    clock = SYSTEM.clock,
    host = NOBODY,
  ) {
    this.#conn = conn;
    this.#service = service;
    this.#limits = limits;
    this.#reader = new LineReader(
      refuseTls(conn),
      clock,
      (bytes) => host.onHeld(bytes),
      (bytes) => host.nextBlock(bytes, this.#gone.signal),
    );
    const onUnread = (chars: number): void => host.onUnread(chars);
    this.#writer = new LineWriter(conn, limits.unread_bytes, clock, onUnread);
    this.#clock = clock;
    this.#host = host;
    this.#openedAt = this.#heardAt = clock.now();
  }

  /** Whether the peer has proved that it holds the secret. */
  get known(): boolean {
    return this.#known;
  }

  /** Characters of replies that wait for the peer to read them. */
  get unread(): number {
    return this.#writer.unread;
  }

  /** Bytes that are held for lines that come. */
  get held(): number {
    return this.#reader.held;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Answers line by line; resolves when the connection has ended and its descriptors are free. */
  async run(): Promise<void> {
    const { line_bytes, line_bytes_before_auth } = this.#limits;
    try {
      for await (
        const line of this.#reader.lines(() => this.#known ? line_bytes : line_bytes_before_auth)
      ) {
        if (this.#told) await this.#hungUp.promise;
        if (this.#closed) break;
        this.#heardAt = this.#clock.now();
        if (this.#isBlank(line)) continue;
        const take = (): Promise<boolean> => this.#take(line);
        if (!(await this.#host.takeLine(line.length, take, this.#gone.signal))) break;
      }
      await Promise.allSettled(this.#inFlight); // the peer may have closed only its own side
    } catch (error) {
      if (isOutOfDescriptors(error)) this.#host.onNoDescriptors();
      if (!(error instanceof CodedError)) return;
      this.#strike(error);
      this.#replyIfRead(undefined, error);
      await this.#keepBack();
    } finally {
      this.#gone.abort();
      // A write that the peer does not take may outlive the connection's end in Deno 2.7.
      await Promise.race([this.#writer.flushed(), this.#hungUp.promise]);
      this.close();
      await this.#freed;
    }
  }

  /** The limit that the peer has broken by now, if any, as the error to end the connection with. */
  overdue(now: number): CodedError | undefined {
    const { auth_ms, line_ms, write_ms, idle_ms } = this.#limits;
    const over = (since: number | undefined, ms: number): boolean =>
      since !== undefined && now - since > ms;
    if (over(this.#writer.blockedSince, write_ms)) {
      return new LimitError(
        "write_ms",
        "slow_reader",
        `Closed: a reply was not read within ${write_ms} ms`,
      );
    }
    if (!this.#known && !this.#refused && over(this.#openedAt, auth_ms)) {
      return new LimitError(
        "auth_ms",
        "auth_required",
        `Closed: no proof of the secret within ${auth_ms} ms`,
      );
    }
    if (over(this.#reader.partialSince, line_ms)) {
      return new LimitError(
        "line_ms",
        "bad_request",
        `Closed: a line did not end within ${line_ms} ms`,
      );
    }
    if (this.inFlight === 0 && over(this.#heardAt, idle_ms)) {
      return new LimitError(
        "idle_ms",
        "bad_request",
        `Closed: nothing was asked for ${idle_ms} ms`,
      );
    }
  }

  /** From now on every request is refused; resolves when those in flight are answered. */
  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.allSettled(this.#inFlight);
    await this.#writer.flushed();
  }

  /**
   * Says why the connection is to end, and answers nothing more: the peer may end it, and come again.
   * Whoever was refused is not told before it is closed, since it would come again at once.
   */
  dismiss(reason: CodedError): void {
    if (this.#refused) return;
    this.#strike(reason);
    this.#replyIfRead(undefined, reason);
    this.#refused = this.#told = true;
  }

  /**
   * Ends the connection, with a last line that says why where there is a reason and the peer does not
   * know it. Asked once more, it does not wait for that line to be read.
   */
  close(reason?: CodedError): void {
    if (this.#closed) return;
    if (reason !== undefined) this.#strike(reason);
    if (reason !== undefined && this.#writer.blockedSince === undefined) {
      if (!this.#told) this.#replyIfRead(undefined, reason);
      this.#writer.flushed().finally(() => this.close());
    } else {
      this.#closed = true;
      this.#gone.abort();
      this.#freed = this.#conn.close();
      this.#reader.drop();
      this.#writer.drop();
      this.#hungUp.resolve();
    }
  }

  #isBlank(line: Uint8Array): boolean {
    const blank = line.length === 0 || (line.length === 1 && line[0] === CARRIAGE_RETURN);
    this.#blank = blank ? this.#blank + 1 : 0;
    if (this.#blank <= BLANK_LINES_MAX) return blank;
    throw new CodedError("bad_json", `Cannot read more than ${BLANK_LINES_MAX} empty lines`);
  }

  /** Answers a line, or sees to it; `false` where the connection can't go on behind it. */
  async #take(line: Uint8Array): Promise<boolean> {
    if (!this.#known) this.#countBeforeAuth();
    try {
      const request = decodeRequest(line, this.#limits);
      const { id, type } = request;
      if (type === "ping") this.#reply(id, {});
      else if (type === "health") this.#reply(id, this.#health());
      else if (this.#known) this.#ask(request);
      // Greetings are answered in turn, so that a request may follow `auth` at once.
      else this.#reply(id, await this.#greet(request));
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#strike(error.cause);
      this.#reply(error.id, error.cause);
      const ends = this.#refused || advice(error.cause.code).closes;
      if (ends) await this.#keepBack();
      return !ends;
    }
  }

  #countBeforeAuth(): void {
    const { requests_before_auth: max } = this.#limits;
    if (++this.#askedBeforeAuth <= max) return;
    const message = `Closed: no proof of the secret within ${max} requests`;
    throw new LimitError("requests_before_auth", "auth_required", message);
  }

  #health(): JsonObject | Error {
    try {
      return this.#service.health();
    } catch (error) {
      return error as Error; // a bug, which ends no connection
    }
  }

  async #greet(request: Request): Promise<JsonObject | Error> {
    try {
      return this.#greeting(request);
    } catch (error) {
      if (!(error instanceof CodedError)) return error as Error; // a bug here as well
      if (error.code === "auth_failed") await this.#holdBack();
      throw new RequestError(error, request.id);
    }
  }

  async #holdBack(): Promise<void> {
    this.#refused = true;
    const ms = this.#host.onWrongProof();
    await sleep(ms, this.#gone.signal, this.#clock).catch(() => {}); // closed meanwhile
  }

  /** Who was refused before a proof, and has been told, is kept from coming again at once. */
  async #keepBack(): Promise<void> {
    if (this.#known || this.#refused) return;
    this.#refused = this.#told = true;
    const ms = this.#host.onRefused();
    await sleep(ms, this.#gone.signal, this.#clock).catch(() => {}); // closed meanwhile
  }

  #greeting({ type, body = {} }: Request): JsonObject {
    switch (type) {
      case "hello":
        return this.#hello(body);
      case "auth":
        return this.#auth(body);
      default:
        throw new CodedError("auth_required", `Cannot answer "${type}" before hello and auth`);
    }
  }

  /** `{"v":1,"id":"a1","type":"hello","body":{"nonce":"<43 characters>"}}` */
  #hello(body: JsonObject): JsonObject {
    const { secret, role, name, version } = this.#service;
    if (this.#challenge !== undefined) throw new CodedError("bad_request", "Cannot hello twice");
    const { nonce: clientNonce } = validate(Hello, body);
    const challenge = { role, clientNonce, serverNonce: makeNonce() };
    const proof = prove(secret, "server", challenge);
    this.#challenge = challenge;
    this.#host.onHello();
    const welcome: Welcome = {
      role,
      name,
      version,
      protocols: [PROTOCOL],
      nonce: challenge.serverNonce,
      proof,
      limits: { ...this.#limits },
    };
    return welcome;
  }

  /** `{"v":1,"id":"a2","type":"auth","body":{"mac":"<43 characters>"}}` */
  #auth(body: JsonObject): JsonObject {
    const proof = Auth.safeParse(body).data;
    const challenge = this.#challenge;
    this.#known = proof !== undefined && challenge !== undefined &&
      verify(this.#service.secret, proof.mac, "client", challenge);
    if (!this.#known) {
      throw new CodedError("auth_failed", "Cannot let this peer in: it does not hold the secret");
    }
    this.#host.letIn();
    return {};
  }

  #ask(request: Request): void {
    const letGo = this.#takeInHand(request);
    const answering = this.#answer(request).finally(() => {
      letGo();
      this.#inFlight.delete(answering);
      this.#heardAt = this.#clock.now(); // the peer could not ask before it had its answer
    });
    this.#inFlight.add(answering);
  }

  /**
   * Gives what lets go of a request. Nothing is waited for: in the same turn each of many connections
   * may read a large one, and all that are refused would be held at once.
   *
   * @throws {RequestError} where it can't be taken
   */
  #takeInHand({ id, type, body = {} }: Request): () => void {
    const refusal = (code: ErrorCode, why: string): RequestError =>
      new RequestError(new CodedError(code, why), id);
    if (type === "hello" || type === "auth") {
      throw refusal("bad_request", `Cannot ${type} again: this peer is let in`);
    }
    if (this.#draining) throw refusal("draining", "Cannot begin anything: shutting down");
    if (this.inFlight >= this.#limits.in_flight) {
      this.#host.onStrike("in_flight");
      throw refusal(
        "too_many_in_flight",
        `Cannot take more than ${this.#limits.in_flight} requests at once on one connection`,
      );
    }
    const letGo = this.#host.takeInHand(body, this.inFlight === 0);
    if (letGo !== undefined) return letGo;
    this.#host.onStrike("in_flight");
    throw refusal("busy", "Cannot take it now: the requests in hand take all the memory");
  }

  async #answer(request: Request): Promise<void> {
    let outcome: JsonObject | CodedError | Error;
    try {
      outcome = await this.#service.answer(request, this.#gone.signal);
    } catch (error) {
      outcome = error as Error;
    }
    try {
      this.#reply(request.id, outcome);
    } catch (error) {
      this.close(error instanceof CodedError ? error : undefined);
    }
  }

  /** Tells of the limit that ends the connection, once. */
  #strike(error: CodedError): void {
    const limit = error instanceof LimitError
      ? error.limit
      : error.code !== "line_too_long"
      ? undefined
      : this.#known
      ? "line_bytes"
      : "line_bytes_before_auth";
    if (limit === undefined || this.#struck) return;
    this.#struck = true;
    this.#host.onStrike(limit);
  }

  /** The peer may be gone, or read nothing: then the connection ends without a word. */
  #replyIfRead(id: string | undefined, error: CodedError): void {
    try {
      this.#reply(id, error);
    } catch { /* the connection ends all the same */ }
  }

  #reply(id: string | undefined, outcome: JsonObject | Error): void {
    const line = encode(this.#replyWith(id, outcome));
    if (!isLongerThan(line, LINE_BYTES_MAX)) return this.#writer.write(line);
    const message = `Cannot answer: the reply is longer than ${LINE_BYTES_MAX} bytes`;
    const error = new CodedError("bad_output", message, { maybeDone: true });
    this.#writer.write(encode(this.#replyWith(id, error)));
  }

  #replyWith(id: string | undefined, outcome: JsonObject | Error): Reply {
    if (!(outcome instanceof Error)) return { v: PROTOCOL, id: id!, ok: true, body: outcome };
    const error = toWire(outcome, () => this.#internal(outcome));
    return { v: PROTOCOL, id, ok: false, error };
  }

  #internal(error: Error): string {
    const reference = crypto.randomUUID().slice(0, 8);
    this.#service.onInternal(reference, error);
    return reference;
  }
}
