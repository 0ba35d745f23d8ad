/**
 * The four roles from the sources, each process with a record of what it asks Deno for. A compiled
 * program records nothing (denoland/deno#36395).
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import {
  AGENT_ROLES,
  end,
  launch,
  SAMPLE_INBOX,
  signal,
  type Site,
  waitUntilHealthy,
} from "../../lib/launch/launch.ts";
import { claimPorts } from "../../lib/launch/ports.ts";
import type { Role } from "../../lib/roles.ts";
import { type Access, readAccesses } from "./accesses.ts";

const START_MS = 60_000;

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly child: Deno.ChildProcess;
  readonly output: Promise<Output>;
  /** The file of its record. */
  readonly record: string;
}

type Variables = Readonly<Record<string, string>>;

export class Recorded implements AsyncDisposable {
  readonly site: Site;
  readonly #ports = claimPorts();
  readonly #records: { role: Role; path: string }[] = [];
  readonly #serving = new Map<Role, Running>();

  private constructor(folder: string) {
    this.site = { folder, ports: this.#ports, inbox: "inbox" };
  }

  /** Makes a folder whose inbox holds the sample. */
  static async open(): Promise<Recorded> {
    const folder = await Deno.makeTempDir({ prefix: "baton-test-" });
    await Deno.mkdir(`${folder}/records`);
    await copy(SAMPLE_INBOX, `${folder}/inbox`);
    return new Recorded(folder);
  }

  /** Starts all four and waits until each is up. */
  async serve(env: Variables = {}): Promise<void> {
    for (const role of [...AGENT_ROLES, "orchestrator" as const]) this.start(role, env);
    await this.healthy();
  }

  start(role: Role, env: Variables = {}): void {
    this.#serving.set(role, this.begin(role, ["serve"], { BATON_WATCH: "1", ...env }));
  }

  async healthy(): Promise<void> {
    await waitUntilHealthy("orchestrator", this.site, START_MS);
  }

  /** Ends a role at once, as a crash does. */
  async kill(role: Role): Promise<void> {
    const { child, output } = this.#serving.get(role)!;
    signal(child, "SIGKILL");
    await output;
  }

  /** Ends all with SIGTERM; gives what each has said and its exit code. */
  async drain(): Promise<Output[]> {
    const ended = await Promise.all(
      [...this.#serving.values()].map(async ({ child, output }) => {
        await end(child);
        return await output;
      }),
    );
    this.#serving.clear();
    return ended;
  }

  /** Runs a subcommand to its end. */
  async run(role: Role, args: readonly string[], env: Variables = {}): Promise<Output> {
    return await this.begin(role, args, env).output;
  }

  /** Starts a subcommand. Its record is its own: a process begins with emptying it. */
  begin(role: Role, args: readonly string[], env: Variables = {}): Running {
    const path = `${this.site.folder}/records/${this.#records.length}.ndjson`;
    this.#records.push({ role, path });
    const child = launch(role, this.site, {
      args,
      env: {
        AUTH_TOKEN: "",
        AUTH_TOKEN_FILE: "",
        BATON_PORT: String(this.site.ports[role]),
        DENO_AUDIT_PERMISSIONS: path,
        ...env,
      },
      stdout: "piped",
      stderr: "piped",
    });
    return { child, output: outputOf(child), record: path };
  }

  /** All that the processes of a role have asked for so far, and how many they were. */
  async accesses(role: Role): Promise<{ processes: number; accesses: Access[] }> {
    const paths = this.#records.filter((record) => record.role === role).map(({ path }) => path);
    const accesses = (await Promise.all(paths.map(readAccesses))).flat();
    return { processes: paths.length, accesses };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
    this.#ports[Symbol.dispose]();
    await Deno.remove(this.site.folder, { recursive: true });
  }
}

async function outputOf(child: Deno.ChildProcess): Promise<Output> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
