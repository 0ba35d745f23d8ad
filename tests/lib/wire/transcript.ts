/**
 * Reads the transcripts of a page and plays them over a connection, as the page says they are to be
 * read.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { importSecret, makeNonce, prove } from "../../../lib/wire/auth.ts";
import { type Message, type RawPeer } from "../../harness/raw_peer.ts";
import { SECRET } from "../../harness/secrets.ts";

export interface Transcript {
  /** The words behind `transcript` on the fence. */
  readonly title: string;
  readonly steps: readonly Step[];
}

/** Lines that are sent together, and those that come back, in any order. */
export interface Step {
  readonly sent: readonly string[];
  readonly received: readonly string[];
  /** The server hangs up behind them. */
  readonly closed: boolean;
}

/** The content of the fenced blocks whose first word is `language`, and the other words. */
export function fencedBlocks(page: string, language: string): { title: string; text: string }[] {
  const blocks = page.matchAll(/^```(\w+)(.*)\n([^]*?)^```$/gm);
  return [...blocks].filter(([, word]) => word === language)
    .map(([, , title, text]) => ({ title: title.trim(), text }));
}

export function transcriptsOf(page: string): Transcript[] {
  return fencedBlocks(page, "transcript").map(({ title, text }) => ({
    title,
    steps: stepsOf(text),
  }));
}

function stepsOf(text: string): Step[] {
  const steps: { sent: string[]; received: string[]; closed: boolean }[] = [];
  for (const line of text.replaceAll(/\n +/g, "").trimEnd().split("\n")) {
    const [, direction, content] = /^([→←]) (.+)$/.exec(line) ?? [];
    const last = steps.at(-1);
    if (direction === "→") {
      if (last === undefined || last.received.length > 0 || last.closed) {
        steps.push({ sent: [content], received: [], closed: false });
      } else last.sent.push(content);
    } else if (direction === "←" && last !== undefined) {
      if (content === "(closed)") last.closed = true;
      else last.received.push(content);
    } else throw new SyntaxError(`Cannot read the line ${JSON.stringify(line)}`);
  }
  return steps;
}

/** What the placeholders of a page stand for. */
export class Names {
  readonly #values = new Map<string, unknown>();

  /** A line to be sent, with its placeholders filled in. */
  async fill(line: string): Promise<string> {
    const [, char, times] = /^"(.)" (\d+) times$/.exec(line) ?? [];
    if (char !== undefined) return char.repeat(Number(times));
    let filled = line;
    for (const [placeholder, name] of line.matchAll(/<([a-z ]+)>/g)) {
      filled = filled.replace(placeholder, String(await this.#valueOf(name)));
    }
    return filled;
  }

  /** Whether a value is what the page shows, and what its placeholders then stand for. */
  async match(shown: unknown, value: unknown): Promise<boolean> {
    const name = typeof shown === "string" ? /^<([a-z ]+)>$/.exec(shown)?.[1] : undefined;
    if (name !== undefined) return await this.#matchName(name, value);
    if (shown === null || typeof shown !== "object") return shown === value;
    if (value === null || typeof value !== "object") return false;
    const keys = Object.keys(shown).sort();
    if (JSON.stringify(keys) !== JSON.stringify(Object.keys(value).sort())) return false;
    for (const key of keys) {
      if (!(await this.match((shown as Message)[key], (value as Message)[key]))) return false;
    }
    return Array.isArray(shown) === Array.isArray(value);
  }

  async #matchName(name: string, value: unknown): Promise<boolean> {
    if (name === "any") return true;
    if (name === "text") return typeof value === "string";
    if (name === "number") return typeof value === "number";
    if (name === "server proof") return value === await this.#proof("server");
    if (!this.#values.has(name)) this.#values.set(name, value);
    return this.#values.get(name) === value;
  }

  async #valueOf(name: string): Promise<unknown> {
    if (name === "client proof") return await this.#proof("client");
    if (!this.#values.has(name)) {
      if (name !== "client nonce") throw new SyntaxError(`Nothing is known of <${name}> yet`);
      this.#values.set(name, makeNonce());
    }
    return this.#values.get(name);
  }

  async #proof(direction: "client" | "server"): Promise<string> {
    const [role, clientNonce, serverNonce] = ["role", "client nonce", "server nonce"]
      .map((name) => String(this.#values.get(name)));
    return await prove(await importSecret(SECRET), direction, { role, clientNonce, serverNonce });
  }

  /** Forgets what belongs to one connection. */
  newConnection(role: string): void {
    this.#values.set("role", role);
    for (const name of ["client nonce", "server nonce"]) this.#values.delete(name);
  }
}

/** Sends what the transcript sends and checks what comes back. */
export async function play({ steps }: Transcript, peer: RawPeer, names: Names): Promise<void> {
  for (const { sent, received, closed } of steps) {
    const lines = await Promise.all(sent.map((line) => names.fill(line)));
    await peer.send(lines.join("\n") + "\n");
    const expected = received.map((line) => JSON.parse(line));
    while (expected.length > 0) await hearOneOf(expected, peer, names);
    if (closed) assertEquals(await peer.line(), undefined);
  }
}

async function hearOneOf(expected: Message[], peer: RawPeer, names: Names): Promise<void> {
  const heard = await peer.hear();
  // A `<server nonce>` stands before the `<server proof>` that is made with it.
  for (const [at, shown] of expected.entries()) {
    if (shown.id === heard.id || /^<.*>$/.test(shown.id)) {
      if (await names.match(shown, heard)) return void expected.splice(at, 1);
    }
  }
  assertEquals(heard, expected.length === 1 ? expected[0] : expected);
}
