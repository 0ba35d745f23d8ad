import { Client } from "../../lib/client/client.ts";
import type { System } from "../../lib/system.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import { SECRET } from "./secrets.ts";
import { within } from "./waiting.ts";

export const HOST = "127.0.0.1";
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Connects to an agent on this machine and logs in. By default the agent is the greeter. */
export async function connect(
  port: number,
  { role = "greeter", system }: { role?: string; system?: System } = {},
): Promise<Client> {
  const address = { hostname: HOST, port };
  return await Client.connect({ address, secret: await importSecret(SECRET), role, system });
}

/** How a process has ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An agent made for a test, as a process of its own with all permissions. Disposing it kills it. */
export class AgentProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #stderr = "";
  readonly #stderrRead: Promise<void>;
  #changed = Promise.withResolvers<void>();
  readonly #stdout: Promise<string>;

  /**
   * @param cwd the folder below which the agent has its memory
   * @param name the agent: `greeter`, `sleeper` or `wild`
   * @param descriptors how many files the process may have open; by default as many as this one
   */
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
    this.#stderrRead = this.#readStderr();
    this.#stdout = new Response(this.#child.stdout).text();
  }

  /** Returns the most memory that the process has used so far, in MiB. */
  async peakMib(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
  }

  /** Resolves to the port once the agent listens. */
  async serving(): Promise<number> {
    await within(this.logged('"event":"serving"'), "an agent to serve");
    return Number(/"address":"[\d.]+:(\d+)"/.exec(this.#stderr)![1]);
  }

  /** Resolves once stderr contains `text`. */
  async logged(text: string): Promise<void> {
    while (!this.#stderr.includes(text)) await this.#changed.promise;
  }

  /** Sends a signal. Throws if the process has ended. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Resolves once the process has ended. */
  async ended(): Promise<Ended> {
    const { code } = await within(this.#child.status, "an agent to end");
    await this.#stderrRead;
    return { code, stdout: await this.#stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch { /* it has ended */ }
    await this.ended();
  }

  async #readStderr(): Promise<void> {
    for await (const part of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += part;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
