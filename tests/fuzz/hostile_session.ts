/**
 * Does what an input says over a real connection, and judges what comes back. What must hold:
 *  1. Whatever comes back is a reply of baton/1, and none says `internal`.
 *  2. A whole line gets one reply at most, under its own id; the connection as a whole gets one more.
 *  3. The connection goes on, and answers the next request, unless a line broke it.
 *
 * @module
 */
import type { Secret } from "../../lib/wire/auth.ts";
import { makeNonce, prove } from "../../lib/wire/auth.ts";
import { advice } from "../../lib/errors.ts";
import { decodeReply, type Reply } from "../../lib/wire/protocol.ts";
import { sleep } from "../../lib/retry.ts";
import { Buffer } from "node:buffer";
import { allBytes, bytesOf, DONE_TASK, type SessionInput } from "./session_input.ts";

/** A role that does not answer a ping within this time has lost it. */
const ANSWER_MS = 15_000;
const BLANK_LINES_MAX = 100;
const PING = "the-last-ping";
/** So many strings of digits that differ by a multiple of this are refused. */
const ALIKE_MAX = 128;
const ALIKE_EACH = 1 << 16;
/** Codes that say that the work itself failed in a way that nobody has foreseen. */
const UNFORESEEN = ["internal", "handler_failed", "bad_output"];

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface Outcome {
  readonly replies: readonly Reply[];
  /** What must not be. */
  readonly findings: readonly string[];
}

/** Whom an input is for. */
export interface Target {
  readonly port: number;
  readonly secret: Secret;
  /** A task of the orchestrator that is done. */
  readonly task: string;
  /** As its `hello` tells them. */
  readonly limits: Readonly<Record<string, number>>;
}

export async function runSession(input: SessionInput, target: Target): Promise<Outcome> {
  const { port, secret, task } = target;
  using peer = new RawPeer(await Deno.connect({ hostname: "127.0.0.1", port }));
  if (input.login) await peer.logIn(secret, input.role);
  const writes = input.writes.map((part) => named(bytesOf(part), task));
  for (const bytes of writes) {
    if (!(await peer.send(bytes))) break;
    if (writes.length > 1) await sleep(0); // so that they arrive apart, mostly
  }
  if (input.end === "gone") return { replies: [], findings: [] };
  if (input.end === "half") await peer.closeWrite();
  else await peer.send(encoder.encode(`\n{"v":1,"id":"${PING}","type":"ping"}\n`));
  const settled = await peer.until(({ id }) => id === PING, ANSWER_MS);
  if (settled === "answered") await sleep(5); // for one reply too many
  return { replies: peer.replies, findings: judge(input, target, peer, settled) };
}

type Settled = "answered" | "closed" | "late";

function judge(input: SessionInput, target: Target, peer: RawPeer, settled: Settled): string[] {
  const findings = [...peer.broken];
  const sent = read(named(allBytes(input), target.task), input, target.limits);
  const replies = peer.replies.filter(({ id }) => id !== PING);
  if (replies.length > sent.lines + 1) {
    findings.push(`${replies.length} replies to ${sent.lines} lines`);
  }
  for (const [id, all] of Map.groupBy(replies, ({ id }) => id)) {
    const asked = sent.ids.filter((asked) => asked === id).length;
    if (id !== undefined && all.length > asked) {
      findings.push(`${all.length} replies to ${asked} requests "${id}"`);
    }
  }
  for (const reply of replies) {
    if (reply.ok || !UNFORESEEN.includes(reply.error.code)) continue;
    findings.push(`${reply.error.code}: ${reply.error.message}`);
  }
  if (settled === "late" && !(input.end === "half" && sent.waits)) {
    findings.push(`no answer within ${ANSWER_MS} ms`);
  }
  // Not always the last one: answers to earlier requests may still come behind it.
  const saidWhy = peer.replies.some((reply) =>
    !reply.ok && (advice(reply.error.code).closes || reply.id === undefined)
  );
  if (settled === "closed" && input.end === "wait" && !sent.breaks && !saidWhy) {
    findings.push("the connection ended for no reason");
  }
  return findings;
}

/** What was sent, read by plain means. */
interface Sent {
  /** Whole ones that are not empty. */
  readonly lines: number;
  readonly ids: readonly unknown[];
  /** Whether one of them ends the connection. */
  readonly breaks: boolean;
  /** Whether an answer may take its time. */
  readonly waits: boolean;
}

function read(bytes: Uint8Array, { login, end }: SessionInput, limits: Target["limits"]): Sent {
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
    if (depthOf(text) > depth || standsStill(text)) return undefined;
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/**
 * Whether `JSON.parse` would take seconds for it, while the logins beside it run out of time: V8 finds
 * strings of digits by their last bits.
 */
function standsStill(text: string): boolean {
  const values = new Set(
    Array.from(text.matchAll(/"(\d{1,10})"/g), ([, digits]) => Number(digits)),
  );
  const alike = Map.groupBy(values, (value) => value % ALIKE_EACH);
  return alike.values().some(({ length }) => length > ALIKE_MAX);
}

/** Of the text, since of equal keys only the last one is in the value. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [bracket] of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").matchAll(/[[\]{}]/g)) {
    depth += "[{".includes(bracket) ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Puts the task's name in its place. */
function named(bytes: Uint8Array, task: string): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  if (!text.includes(DONE_TASK)) return bytes;
  const parts = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return Uint8Array.from(parts.replaceAll(DONE_TASK, task), (char) => char.charCodeAt(0));
}

/** A connection that knows no manners. */
class RawPeer implements Disposable {
  readonly replies: Reply[] = [];
  /** Lines that are no replies. */
  readonly broken: string[] = [];
  readonly #conn: Deno.TcpConn;
  readonly #reading: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #over = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#reading = this.#read();
  }

  /** Whether it was taken. */
  async send(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let done = 0; done < bytes.length;) done += await this.#conn.write(bytes.subarray(done));
      return true;
    } catch {
      return false; // hung up on: what came before that says why
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
    } catch { /* hung up on already */ }
  }

  /** Waits for a reply, or for the end. */
  async until(wanted: (reply: Reply) => boolean, ms: number): Promise<Settled> {
    const due = performance.now() + ms;
    while (true) {
      if (this.replies.some(wanted)) return "answered";
      if (this.#over) return "closed";
      const left = due - performance.now();
      if (left <= 0) return "late";
      const late = new AbortController();
      await Promise.race([this.#changed.promise, sleep(left, late.signal).catch(() => {})]);
      late.abort();
    }
  }

  [Symbol.dispose](): void {
    this.#conn.close();
    this.#reading.catch(() => {}); // closed under it
  }

  async #read(): Promise<void> {
    const block = new Uint8Array(256 * 1024);
    let rest: Uint8Array = new Uint8Array();
    try {
      for (let read; (read = await this.#conn.read(block)) !== null;) {
        rest = Buffer.concat([rest, block.subarray(0, read)]);
        for (let end; (end = rest.indexOf(0x0a)) >= 0; rest = rest.subarray(end + 1)) {
          this.#take(rest.subarray(0, end));
        }
        this.#tell();
      }
    } catch { /* a reset is an end too */ }
    this.#over = true;
    this.#tell();
  }

  #take(line: Uint8Array): void {
    try {
      this.replies.push(decodeReply(line));
    } catch (error) {
      const shown = new TextDecoder().decode(line).slice(0, 200);
      this.broken.push(`no reply of baton/1: ${shown}: ${(error as Error).message}`);
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
