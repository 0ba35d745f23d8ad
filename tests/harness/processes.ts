/**
 * Roles as real processes that are given what a test wants, and all that they say.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import { end, launch, SAMPLE_INBOX, signal, type Site } from "../../lib/launch/launch.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { sleep } from "../../lib/retry.ts";
import { claimSite } from "./claim_site.ts";

const PATIENCE_MS = 60_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Processes implements AsyncDisposable {
  readonly site: Site & Disposable;
  /** All that any of them has said. */
  said = "";
  /** The command lines of all that were started and of what runs beside them, as the system has them. */
  commandLines = "";
  readonly #env: (role: Role) => Record<string, string>;
  readonly #running = new Map<Role, { child: Deno.ChildProcess; heard: Promise<unknown> }>();

  private constructor(site: Site & Disposable, env: (role: Role) => Record<string, string>) {
    this.site = site;
    this.#env = env;
  }

  /**
   * In a folder that stays its owner's, with the sample for an inbox.
   *
   * @param env what each role is given beside its addresses
   */
  static async in(
    folder: string,
    env: (role: Role) => Record<string, string> = () => ({}),
  ): Promise<Processes> {
    await copy(SAMPLE_INBOX, `${folder}/inbox`);
    return new Processes(await claimSite(folder), env);
  }

  /** Starts a role that does not run. */
  start(role: Role, env: Record<string, string> = {}): void {
    const port = ["--port", String(this.site.ports[role])];
    const args = ["serve", ...port, ...(role === "orchestrator" ? ["--watch", "0"] : [])];
    const child = this.#launch(role, args, env);
    const heard = Promise.all([this.#hear(child.stdout), this.#hear(child.stderr)]);
    this.#running.set(role, { child, heard });
  }

  startAll(): void {
    for (const role of ROLES) this.start(role);
  }

  /** Ends a role; gives its exit code. */
  async stop(role: Role, name: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number> {
    const { child, heard } = this.#running.get(role)!;
    this.#running.delete(role);
    if (name === "SIGKILL") signal(child, name);
    const code = name === "SIGKILL" ? (await child.status).code : await end(child);
    await heard;
    return code;
  }

  /** Runs a role's command to its end, which is that of a kill where it does not come in time. */
  async run(role: Role, args: string[], env: Record<string, string> = {}): Promise<Ran> {
    const port = ["--port", String(this.site.ports[role])];
    const alone = args.includes("--help") || args[0] === "repair" || args[0] === "secret";
    const child = this.#launch(role, alone ? args : [...args, ...port], env);
    const late = setTimeout(() => signal(child, "SIGKILL"), PATIENCE_MS);
    const [stdout, stderr, { code }] = await Promise.all([
      this.#hear(child.stdout),
      this.#hear(child.stderr),
      child.status,
    ]);
    clearTimeout(late);
    return { code, stdout, stderr };
  }

  /** Resolves when the orchestrator says that all agents are up. */
  async up(): Promise<void> {
    await this.until(["agents"], ({ code }) => code === 0);
  }

  /** Runs a command of the orchestrator's until its outcome is as wanted. */
  async until(args: string[], wanted: (ran: Ran) => boolean): Promise<Ran> {
    const due = performance.now() + PATIENCE_MS;
    for (;; await sleep(100)) {
      const ran = await this.run("orchestrator", args);
      if (wanted(ran)) return ran;
      if (performance.now() > due) {
        throw new Error(`Waited too long for ${args}: ${JSON.stringify(ran)}\n${this.said}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const role of [...this.#running.keys()]) await this.stop(role);
    this.site[Symbol.dispose]();
  }

  #launch(role: Role, args: string[], env: Record<string, string>): Deno.ChildProcess {
    const own = { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", ...this.#env(role), ...env };
    const io = { stdout: "piped", stderr: "piped" } as const;
    const child = launch(role, this.site, { args, env: own, ...io });
    try {
      this.commandLines += Deno.readTextFileSync(`/proc/${child.pid}/cmdline`) + "\n";
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // it has ended already
    }
    return child;
  }

  async #hear(stream: ReadableStream<Uint8Array>): Promise<string> {
    let heard = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TransformStream)) {
      heard += text;
      this.said += text;
    }
    return heard;
  }
}
