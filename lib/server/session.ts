/**
 * One accepted connection. Its life: it opens, says `hello`, proves itself with `auth`, and asks. It
 * ends when the peer has ended it and everything is answered, when it exceeds a limit, or when the
 * server closes it.
 *
 * @module
 */
import { advice, CodedError, type ErrorCode } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { LineReader } from "../lines.ts";
import { sleep } from "../retry.ts";
import { type Clock, type Duplex, SYSTEM } from "../system.ts";
import { isOutOfDescriptors } from "../system_errors.ts";
import { LimitError, type LimitName, type Limits } from "../wire/limits.ts";
import { LineWriter } from "../wire/line_writer.ts";
import { decodeRequest, type Request, RequestError } from "../wire/protocol.ts";
import { refuseTls } from "../wire/refuse_tls.ts";
import type { Host } from "./host.ts";
import { type Identity, Login } from "./login.ts";
import { encodeReply, type OnInternal } from "./replies.ts";

/** Empty lines in a row that are skipped; more end the connection. */
const BLANK_LINES_MAX = 100;
const CARRIAGE_RETURN = 0x0d;

/** What a server's owner answers with. */
export interface Service extends Identity {
  /** The body of `health`, which is answered to anyone, before any proof. */
  health(): JsonObject;
  /**
   * Answers a request of an authenticated peer. Throws a `CodedError` to refuse it.
   *
   * @param gone aborts when the connection has ended and nobody waits for the answer
   */
  answer(request: Request, gone: AbortSignal): Promise<JsonObject>;
  /** Receives an error without a code, and the reference to it that the peer receives. */
  readonly onInternal: OnInternal;
}

type Answer = (body: JsonObject) => JsonObject | Promise<JsonObject>;

/** The life of one connection, from its first byte to its last. */
export class Session {
  readonly #conn: Duplex;
  readonly #service: Service;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #host: Host;
  readonly #login: Login;
  readonly #reader: LineReader;
  readonly #writer: LineWriter;
  readonly #gone = new AbortController();
  readonly #hungUp = Promise.withResolvers<void>();
  readonly #openedAt: number;
  #heardAt: number;
  /** The proof was wrong; the reply that says so is delayed. */
  #refused = false;
  #askedBeforeAuth = 0;
  #limitExceeded = false;
  readonly #inFlight = new Set<Promise<void>>();
  #blankLines = 0;
  #draining = false;
  /** The peer was told why the connection ends, and gets no more replies. */
  #closing = false;
  #closed = false;
  /** Settles when the closed connection's descriptors are free. */
  #freed: void | Promise<void> = undefined;

  /** The types that a connection answers itself; all others are its owner's. */
  readonly #ownTypes = new Map<string, Answer>([
    ["ping", () => ({})],
    ["health", () => this.#service.health()],
    ["hello", (body) => this.#hello(body)],
    ["auth", (body) => this.#auth(body)],
  ]);

  constructor(conn: Duplex, service: Service, limits: Limits, host: Host, clock = SYSTEM.clock) {
    this.#conn = conn;
    this.#service = service;
    this.#limits = limits;
    this.#login = new Login(service, limits);
    this.#reader = new LineReader(
      refuseTls(conn),
      clock,
      (bytes) => host.onBuffered(bytes),
      (bytes) => host.nextBlock(bytes, this.#gone.signal),
    );
    const onUnread = (chars: number): void => host.onUnread(chars);
    this.#writer = new LineWriter(conn, limits.unread_bytes, clock, onUnread);
    this.#clock = clock;
    this.#host = host;
    this.#openedAt = this.#heardAt = clock.now();
  }

  /** Whether the peer has proved that it holds the secret. */
  get authenticated(): boolean {
    return this.#login.authenticated;
  }

  /** Characters of replies that the peer has not read yet. */
  get unread(): number {
    return this.#writer.unread;
  }

  /** Bytes of the buffer for incoming lines. */
  get buffered(): number {
    return this.#reader.bufferBytes;
  }

  /** Requests without a reply yet. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Answers line by line; resolves when the connection has ended and its descriptors are free. */
  async run(): Promise<void> {
    const { line_bytes, line_bytes_before_auth } = this.#limits;
    const maxBytes = (): number => this.authenticated ? line_bytes : line_bytes_before_auth;
    try {
      for await (const line of this.#reader.lines(maxBytes)) {
        if (this.#closing) await this.#hungUp.promise;
        if (this.#closed) break;
        this.#heardAt = this.#clock.now();
        if (this.#isBlank(line)) continue;
        const take = (): Promise<boolean> => this.#take(line);
        if (!(await this.#host.takeLine(line.length, take, this.#gone.signal))) break;
      }
      await Promise.allSettled(this.#inFlight); // the peer may have closed only its own side
    } catch (error) {
      if (isOutOfDescriptors(error)) this.#host.onOutOfDescriptors();
      if (!(error instanceof CodedError)) return;
      this.#countLimit(error);
      this.#tryReply(undefined, error);
    } finally {
      this.#gone.abort();
      // In Deno 2.7 a write that the peer does not take may outlive the closed connection.
      await Promise.race([this.#writer.flushed(), this.#hungUp.promise]);
      this.close();
      await this.#freed;
    }
  }

  /** The limit in time that the peer has exceeded at `now`, as the error to close with, if any. */
  overdue(now: number): LimitError | undefined {
    const { auth_ms, line_ms, write_ms, idle_ms } = this.#limits;
    const isOver = (since: number | undefined, ms: number): boolean =>
      since !== undefined && now - since > ms;
    const error = (limit: LimitName, code: ErrorCode, why: string): LimitError =>
      new LimitError(limit, code, `Closed: ${why} ${this.#limits[limit]} ms`);
    if (isOver(this.#writer.blockedSince, write_ms)) {
      return error("write_ms", "slow_reader", "a reply was not read within");
    }
    if (!this.authenticated && !this.#refused && isOver(this.#openedAt, auth_ms)) {
      return error("auth_ms", "auth_required", "no proof of the secret within");
    }
    if (isOver(this.#reader.partialSince, line_ms)) {
      return error("line_ms", "bad_request", "a line did not end within");
    }
    if (this.inFlight === 0 && isOver(this.#heardAt, idle_ms)) {
      return error("idle_ms", "bad_request", "nothing was asked for");
    }
  }

  /** From now on refuses every request; resolves when those in flight are answered. */
  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.allSettled(this.#inFlight);
    await this.#writer.flushed();
  }

  /** Tells the peer why the connection is going to be closed, and answers nothing more. */
  shed(reason: CodedError): void {
    this.#countLimit(reason);
    if (!this.#closing) this.#tryReply(undefined, reason);
    this.#closing = true;
  }

  /**
   * Ends the connection. With a `reason` the peer is told it first, unless it reads nothing; called
   * again, the session does not wait for that line to be read.
   */
  close(reason?: CodedError): void {
    if (this.#closed) return;
    if (reason !== undefined && this.#writer.blockedSince === undefined) {
      this.shed(reason);
      this.#writer.flushed().finally(() => this.close());
    } else {
      if (reason !== undefined) this.#countLimit(reason);
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
    this.#blankLines = blank ? this.#blankLines + 1 : 0;
    if (this.#blankLines <= BLANK_LINES_MAX) return blank;
    throw new CodedError("bad_json", `Cannot read more than ${BLANK_LINES_MAX} empty lines`);
  }

  /** Answers a line, or begins to; returns whether the connection can go on. */
  async #take(line: Uint8Array): Promise<boolean> {
    if (!this.authenticated) this.#countBeforeAuth();
    try {
      const request = decodeRequest(line, this.#limits);
      const own = this.#ownTypes.get(request.type);
      // Answered in turn, so that a request may follow `auth` at once.
      if (own !== undefined) this.#reply(request.id, await this.#outcome(request, own));
      else this.#ask(request);
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#countLimit(error.cause);
      this.#reply(error.id, error.cause);
      return !advice(error.cause.code).closes;
    }
  }

  #countBeforeAuth(): void {
    const { requests_before_auth: max } = this.#limits;
    if (++this.#askedBeforeAuth <= max) return;
    const message = `Closed: no proof of the secret within ${max} requests`;
    throw new LimitError("requests_before_auth", "auth_required", message);
  }

  /** The body, or a bug's error, which ends no connection. */
  async #outcome(
    { id, body = {} }: Request,
    answer: Answer,
  ): Promise<JsonObject | Error> {
    try {
      return await answer(body);
    } catch (error) {
      if (error instanceof CodedError) throw new RequestError(error, id);
      return error as Error;
    }
  }

  #hello(body: JsonObject): JsonObject {
    const welcome = this.#login.hello(body);
    this.#host.onHello();
    return welcome;
  }

  async #auth(body: JsonObject): Promise<JsonObject> {
    try {
      const reply = this.#login.auth(body);
      this.#host.onAuthenticated();
      return reply;
    } catch (error) {
      if (error instanceof CodedError && error.code === "auth_failed") await this.#delayRefusal();
      throw error;
    }
  }

  async #delayRefusal(): Promise<void> {
    this.#refused = true;
    const ms = this.#host.onAuthFailure();
    await sleep(ms, this.#gone.signal, this.#clock).catch(() => {}); // closed meanwhile
  }

  #ask(request: Request): void {
    const release = this.#admit(request);
    const answering = this.#answer(request).finally(() => {
      release();
      this.#inFlight.delete(answering);
      this.#heardAt = this.#clock.now(); // the peer could not ask before it had its answer
      this.#host.onAnswered();
    });
    this.#inFlight.add(answering);
  }

  /**
   * Checks that a request may be asked, and returns what releases its memory. Waits for nothing:
   * otherwise all requests that are refused in one turn of the loop would be in memory at once.
   *
   * @throws {RequestError} if the request is refused
   */
  #admit({ id, type, body = {} }: Request): () => void {
    const refusal = (code: ErrorCode, why: string): RequestError =>
      new RequestError(new CodedError(code, why), id);
    if (!this.authenticated) {
      throw refusal("auth_required", `Cannot answer "${type}" before hello and auth`);
    }
    if (this.#draining) throw refusal("draining", "Cannot begin anything: shutting down");
    const { in_flight } = this.#limits;
    if (this.inFlight >= in_flight) {
      this.#host.onLimitExceeded("in_flight");
      throw refusal(
        "too_many_in_flight",
        `Cannot take more than ${in_flight} requests at once on one connection`,
      );
    }
    const release = this.#host.reserve(body, this.inFlight === 0);
    if (release !== undefined) return release;
    this.#host.onLimitExceeded("in_flight");
    throw refusal("busy", "Cannot take it now: the requests in flight take all the memory");
  }

  async #answer(request: Request): Promise<void> {
    let outcome: JsonObject | Error;
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

  /** Counts the limit that ends the connection, once. */
  #countLimit(error: CodedError): void {
    const tooLong = this.authenticated ? "line_bytes" : "line_bytes_before_auth";
    const limit = error instanceof LimitError
      ? error.limit
      : error.code === "line_too_long"
      ? tooLong
      : undefined;
    if (limit === undefined || this.#limitExceeded) return;
    this.#limitExceeded = true;
    this.#host.onLimitExceeded(limit);
  }

  #reply(id: string | undefined, outcome: JsonObject | Error): void {
    this.#writer.write(encodeReply(id, outcome, this.#service.onInternal));
  }

  /** Replies, unless the peer is gone or reads nothing: then the connection ends without a word. */
  #tryReply(id: string | undefined, error: CodedError): void {
    try {
      this.#reply(id, error);
    } catch { /* the connection ends all the same */ }
  }
}
