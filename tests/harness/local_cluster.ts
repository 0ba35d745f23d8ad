/**
 * The four roles as real processes for a test.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import { importSecret } from "../../lib/wire/auth.ts";
import {
  end,
  launch,
  makeSecret,
  SAMPLE_INBOX,
  signal,
  type Site,
  waitUntilHealthy,
} from "../../lib/launch/launch.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { Remote } from "../../orchestrator/cli/remote.ts";
import { claimSite } from "./claim_site.ts";

const START_MS = 60_000;

export interface Ended {
  readonly role: Role;
  readonly code: number;
}

export class LocalCluster implements AsyncDisposable {
  readonly site: Site & Disposable;
  readonly #children = new Map<Role, Deno.ChildProcess>();

  private constructor(site: Site & Disposable) {
    this.site = site;
  }

  /** Starts all four in a new folder whose inbox holds the sample. */
  static async start(): Promise<LocalCluster> {
    const folder = await Deno.makeTempDir({ prefix: "baton-test-" });
    const swarm = new LocalCluster(await claimSite(folder));
    await copy(SAMPLE_INBOX, `${folder}/inbox`);
    // Of one age, so that they are taken in the order of their names.
    for await (const { name } of Deno.readDir(`${folder}/inbox`)) {
      await Deno.utime(`${folder}/inbox/${name}`, 0, 0);
    }
    try {
      await makeSecret(swarm.site);
      for (const role of ROLES) swarm.start(role);
      await swarm.healthy();
      return swarm;
    } catch (error) {
      await swarm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a role that does not run. */
  start(role: Role): void {
    const port = ["--port", String(this.site.ports[role])];
    const args = ["serve", ...port, ...(role === "orchestrator" ? ["--watch", "1"] : [])];
    this.#children.set(role, launch(role, this.site, { args, stderr: "null" }));
  }

  /** Ends a role at once, as a crash does, and starts it again. */
  async crash(role: Role): Promise<void> {
    const child = this.#children.get(role)!;
    signal(child, "SIGKILL");
    await child.status;
    this.start(role);
  }

  /** Ends a role with SIGTERM and starts it again; gives its exit code. */
  async restart(role: Role): Promise<number> {
    const code = await end(this.#children.get(role)!);
    this.start(role);
    return code;
  }

  /** Sends a signal to a role. */
  signal(role: Role, name: Deno.Signal): void {
    signal(this.#children.get(role)!, name);
  }

  /** Resolves when the orchestrator and through it all agents are up. */
  async healthy(): Promise<void> {
    await waitUntilHealthy("orchestrator", this.site, START_MS);
  }

  /** Runs a command of the orchestrator's. */
  async run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const [command, ...rest] = args;
    const child = launch("orchestrator", this.site, {
      args: [command, "--port", String(this.site.ports.orchestrator), ...rest],
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** A client of the orchestrator. */
  async remote(): Promise<Remote> {
    const secret = (await Deno.readTextFile(`${this.site.folder}/secret/token`)).trim();
    const address = { hostname: "127.0.0.1", port: this.site.ports.orchestrator };
    return new Remote(address, importSecret(secret));
  }

  /** Ends all with SIGTERM; gives the exit codes. */
  async stop(): Promise<Ended[]> {
    const ended: Ended[] = [];
    for (const [role, child] of this.#children) ended.push({ role, code: await end(child) });
    this.#children.clear();
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.site[Symbol.dispose]();
    await Deno.remove(this.site.folder, { recursive: true });
  }
}
