import { importSecret } from "../../lib/wire/auth.ts";
import { Client } from "../../lib/client/client.ts";
import type { System } from "../../lib/system.ts";
import { SECRET } from "./secrets.ts";
import { within } from "./waiting.ts";

export const HOST = "127.0.0.1";
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** A client of an agent of this machine. */
export async function connect(
  port: number,
  { role = "greeter", system }: { role?: string; system?: System } = {},
): Promise<Client> {
  const address = { hostname: HOST, port };
  return await Client.connect({ address, secret: await importSecret(SECRET), role, system });
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An agent as a process of its own, by default the greeter. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #stderr = "";
  readonly #heard: Promise<void>;
  #changed = Promise.withResolvers<void>();
  readonly #stdout: Promise<string>;

  constructor(
    cwd: string,
    args: string[],
    env: Record<string, string> = { AUTH_TOKEN: SECRET },
    { name = "greeter", descriptors }: { name?: string; descriptors?: number } = {},
  ) {
    const module = import.meta.resolve(`./${name}_main.ts`);
    const limit = descriptors === undefined ? "" : `ulimit -n ${descriptors} && `;
    const run = ["run", "-A", "--no-check", "--config", CONFIG, module, ...args];
    this.#child = new Deno.Command("sh", {
      args: ["-c", `${limit}exec "$0" "$@"`, Deno.execPath(), ...run],
      cwd,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#heard = this.#listen();
    this.#stdout = new Response(this.#child.stdout).text();
  }

  /** The memory that it has had at most, in MiB. */
  async peakMib(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
  }

  /** Resolves when it listens, with its port. */
  async serving(): Promise<number> {
    await within(this.told('"event":"serving"'), "an agent to serve");
    return Number(/"address":"[\d.]+:(\d+)"/.exec(this.#stderr)![1]);
  }

  /** Resolves when it has said so on stderr. */
  async told(text: string): Promise<void> {
    while (!this.#stderr.includes(text)) await this.#changed.promise;
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<Ended> {
    const { code } = await within(this.#child.status, "an agent to end");
    await this.#heard;
    return { code, stdout: await this.#stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch { /* it has ended */ }
    await this.ended();
  }

  async #listen(): Promise<void> {
    for await (const part of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += part;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
