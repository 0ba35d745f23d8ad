/**
 * One hostile connection to a role, and a check of its replies. The rules:
 *  1. Everything that arrives is a reply of baton/1, and none says `internal`.
 *  2. A whole line gets at most one reply, under its own id. The connection itself gets one more.
 *  3. The connection stays open and answers the next request, unless a line ends it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { advice } from "../../lib/errors.ts";
import { sleep } from "../../lib/retry.ts";
import { makeNonce, prove, type Secret } from "../../lib/wire/auth.ts";
import { decodeReply, type Reply } from "../../lib/wire/protocol.ts";
import { allBytes, bytesOf, DONE_TASK, type SessionInput } from "./session_input.ts";

/** A reply that takes longer than this is lost, however loaded the machine is. */
const ANSWER_MS = 60_000;
const BLANK_LINES_MAX = 100;
const PING = "the-last-ping";
/** The server refuses a line with more strings of digits that are equal modulo `COLLISION_STEP`. */
const COLLISIONS_MAX = 128;
const COLLISION_STEP = 1 << 16;
/** Codes that report a bug. */
const BUGS = ["internal", "handler_failed", "bad_output"];

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface Outcome {
  readonly replies: readonly Reply[];
  /** The rules that were broken, a line each. */
  readonly problems: readonly string[];
}

/** The role that a connection attacks. */
export interface Target {
  readonly port: number;
  readonly secret: Secret;
  /** A task of the orchestrator that is done. */
  readonly task: string;
  /** The limits of its `hello`. */
  readonly limits: Readonly<Record<string, number>>;
}

/** Runs one connection to its end. Throws if the role does not accept it. */
export async function runSession(input: SessionInput, target: Target): Promise<Outcome> {
  const { port, secret, task } = target;
  using peer = new HostilePeer(await Deno.connect({ hostname: "127.0.0.1", port }));
  if (input.login) await peer.logIn(secret, input.role);
  const writes = input.writes.map((part) => withTask(bytesOf(part), task));
  for (const bytes of writes) {
    if (!(await peer.send(bytes))) break;
    if (writes.length > 1) await sleep(0); // so that the writes usually arrive one by one
  }
  if (input.end === "gone") return { replies: [], problems: [] };
  if (input.end === "half") await peer.closeWrite();
  else await peer.send(encoder.encode(`\n{"v":1,"id":"${PING}","type":"ping"}\n`));
  const settled = await peer.until(({ id }) => id === PING, ANSWER_MS);
  if (settled === "answered") await sleep(5); // in which a surplus reply would arrive
  return { replies: peer.replies, problems: check(input, target, peer, settled) };
}

type Settled = "answered" | "closed" | "late";

function check(input: SessionInput, target: Target, peer: HostilePeer, settled: Settled): string[] {
  const problems = [...peer.broken];
  const sent = parse(withTask(allBytes(input), target.task), input, target.limits);
  const replies = peer.replies.filter(({ id }) => id !== PING);
  if (replies.length > sent.lines + 1) {
    problems.push(`${replies.length} replies to ${sent.lines} lines`);
  }
  for (const [id, all] of Map.groupBy(replies, ({ id }) => id)) {
    const asked = sent.ids.filter((asked) => asked === id).length;
    if (id !== undefined && all.length > asked) {
      problems.push(`${all.length} replies to ${asked} requests "${id}"`);
    }
  }
  for (const reply of replies) {
    if (reply.ok || !BUGS.includes(reply.error.code)) continue;
    problems.push(`${reply.error.code}: ${reply.error.message}`);
  }
  if (settled === "late" && !(input.end === "half" && sent.waits)) {
    problems.push(`no reply within ${ANSWER_MS} ms`);
  }
  // Not always the last reply: replies to earlier requests may follow it.
  const hasReason = peer.replies.some((reply) =>
    !reply.ok && (advice(reply.error.code).closes || reply.id === undefined)
  );
  if (settled === "closed" && input.end === "wait" && !sent.breaks && !hasReason) {
    problems.push("the connection ended for no reason");
  }
  return problems;
}

/** What was sent, according to a second, simple parser. */
interface Sent {
  /** How many whole lines that are not empty. */
  readonly lines: number;
  readonly ids: readonly unknown[];
  /** Whether a line ends the connection. */
  readonly breaks: boolean;
  /** Whether a request may wait for something. */
  readonly waits: boolean;
}

function parse(bytes: Uint8Array, { login, end }: SessionInput, limits: Target["limits"]): Sent {
  const max = login ? limits.line_bytes : limits.line_bytes_before_auth;
  const linesMax = login ? Infinity : limits.requests_before_auth ?? Infinity;
  const all = end === "half" ? bytes : Buffer.concat([bytes, new Uint8Array([0x0a])]);
  const ids: unknown[] = [];
  let [lines, blank, at] = [0, 0, 0];
  let breaks = (bytes[0] === 0x16 && !login) || /auth/.test(new TextDecoder().decode(bytes));
  let waits = false;
  for (let next; (next = all.indexOf(0x0a, at)) >= 0; at = next + 1) {
    const line = all.subarray(at, next);
    if (line.length === 0 || (line.length === 1 && line[0] === 0x0d)) {
      breaks ||= ++blank > BLANK_LINES_MAX;
      continue;
    }
    blank = 0;
    const request = line.length > max ? undefined : readJson(line, limits.depth);
    if (++lines >= linesMax || request === undefined) breaks = true;
    else {
      ids.push(request.value?.id);
      waits ||= /wait_ms|submit|events|timeout_ms/.test(request.text);
    }
  }
  return { lines, ids, breaks: breaks || all.length - at > max, waits };
}

function readJson(
  line: Uint8Array,
  depth: number,
): { text: string; value: { id?: unknown } | null } | undefined {
  try {
    const text = utf8.decode(line);
    if (depthOf(text) > depth || isSlow(text)) return undefined;
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/**
 * Whether `JSON.parse` would take seconds, in which other logins run out of time: V8 hashes strings of
 * digits by their last bits.
 */
function isSlow(text: string): boolean {
  const values = new Set(
    Array.from(text.matchAll(/"(\d{1,10})"/g), ([, digits]) => Number(digits)),
  );
  const collisions = Map.groupBy(values, (value) => value % COLLISION_STEP);
  return collisions.values().some(({ length }) => length > COLLISIONS_MAX);
}

/** The depth of the text. The parsed value has only the last of equal keys. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [bracket] of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").matchAll(/[[\]{}]/g)) {
    depth += "[{".includes(bracket) ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Replaces the placeholder by the id of a task. */
function withTask(bytes: Uint8Array, task: string): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  if (!text.includes(DONE_TASK)) return bytes;
  const parts = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return Uint8Array.from(parts.replaceAll(DONE_TASK, task), (char) => char.charCodeAt(0));
}

/** A connection that sends any bytes and collects all replies meanwhile. */
class HostilePeer implements Disposable {
  readonly replies: Reply[] = [];
  /** Problems with lines that are not replies. */
  readonly broken: string[] = [];
  readonly #conn: Deno.TcpConn;
  readonly #reading: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #ended = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#reading = this.#read();
  }

  /** Returns whether the other side was still there. */
  async send(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let done = 0; done < bytes.length;) done += await this.#conn.write(bytes.subarray(done));
      return true;
    } catch {
      return false; // the role hung up; its last reply gives the reason
    }
  }

  async logIn(secret: Secret, role: string): Promise<void> {
    const clientNonce = makeNonce();
    const hello = { v: 1, id: "login-1", type: "hello", body: { nonce: clientNonce } };
    await this.send(encoder.encode(JSON.stringify(hello) + "\n"));
    await this.until(({ id }) => id === "login-1", ANSWER_MS);
    const reply = this.replies.shift();
    if (reply?.ok !== true) throw new Error(`Cannot log in: ${JSON.stringify(reply)}`);
    const challenge = { role, clientNonce, serverNonce: String(reply.body.nonce) };
    const body = { mac: await prove(secret, "client", challenge) };
    const auth = { v: 1, id: "login-2", type: "auth", body };
    await this.send(encoder.encode(JSON.stringify(auth) + "\n"));
    await this.until(({ id }) => id === "login-2", ANSWER_MS);
    this.replies.shift();
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#conn.closeWrite();
    } catch { /* the role hung up */ }
  }

  /** Waits for a reply, for the end of the connection, or for `ms`. */
  async until(wanted: (reply: Reply) => boolean, ms: number): Promise<Settled> {
    const due = performance.now() + ms;
    while (true) {
      if (this.replies.some(wanted)) return "answered";
      if (this.#ended) return "closed";
      const remainingMs = due - performance.now();
      if (remainingMs <= 0) return "late";
      const late = new AbortController();
      await Promise.race([this.#changed.promise, sleep(remainingMs, late.signal).catch(() => {})]);
      late.abort();
    }
  }

  [Symbol.dispose](): void {
    this.#conn.close();
    this.#reading.catch(() => {}); // the read ends with the connection
  }

  async #read(): Promise<void> {
    const block = new Uint8Array(256 * 1024);
    let unfinished: Uint8Array = new Uint8Array();
    try {
      for (let read; (read = await this.#conn.read(block)) !== null;) {
        let bytes: Uint8Array = Buffer.concat([unfinished, block.subarray(0, read)]);
        for (let end; (end = bytes.indexOf(0x0a)) >= 0; bytes = bytes.subarray(end + 1)) {
          this.#take(bytes.subarray(0, end));
        }
        unfinished = bytes;
        this.#wake();
      }
    } catch { /* a reset ends the connection like any other end */ }
    this.#ended = true;
    this.#wake();
  }

  #take(line: Uint8Array): void {
    try {
      this.replies.push(decodeReply(line));
    } catch (error) {
      const start = new TextDecoder().decode(line).slice(0, 200);
      this.broken.push(`not a reply of baton/1: ${start}: ${(error as Error).message}`);
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
