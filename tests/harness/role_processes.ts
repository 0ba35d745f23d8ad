/**
 * The four roles as real processes: from the sources, or compiled if the variable `BATON_BINARIES`
 * names a folder of programs.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import {
  launch,
  runFromSources,
  SAMPLE_INBOX,
  sendSignal,
  type Site,
  stopRole,
  waitUntilHealthy,
} from "../../lib/launch/launch.ts";
import { claimPorts } from "../../lib/launch/ports.ts";
import { SECRET_FILE } from "../../lib/process/secret.ts";
import { sleep } from "../../lib/retry.ts";
import { PORTS, type Role, ROLES } from "../../lib/roles.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import { Remote } from "../../orchestrator/cli/remote.ts";
import { commandEnv, Commands, COMMANDS_MAIN, type Ran } from "./commands.ts";
import { PATIENCE_MS, within } from "./waiting.ts";

const POLL_MS = 50;

type Variables = Readonly<Record<string, string>>;

/** A process that runs, and the promise of its end. */
export interface Running {
  readonly child: Deno.ChildProcess;
  readonly ended: Promise<Ran>;
}

export interface RoleProcessesOptions {
  /**
   * Variables of each new process of a role. They replace the default ones: no secret in the
   * environment, and an orchestrator that does not watch the inbox.
   */
  readonly env?: (role: Role) => Variables;
  /** Runs from the sources even if there are compiled programs. */
  readonly fromSources?: boolean;
}

/** The roles of one folder, on ports of their own. Disposing it ends them with SIGTERM. */
export class RoleProcesses implements AsyncDisposable {
  readonly site: Site;
  /** Everything that all processes have written so far. */
  output = "";
  /** The command lines of all processes, as the system shows them. */
  commandLines = "";
  readonly #env: (role: Role) => Variables;
  readonly #serving = new Map<Role, Running>();
  readonly #stack: AsyncDisposableStack;
  #commands: Commands | undefined;

  private constructor(site: Site, env: (role: Role) => Variables, stack: AsyncDisposableStack) {
    this.site = site;
    this.#env = env;
    this.#stack = stack;
  }

  /**
   * Copies the sample inbox into a folder and claims ports. Starts nothing.
   *
   * @param folder belongs to the caller, who removes it
   */
  static async in(
    folder: string,
    { env = () => ({}), fromSources = false }: RoleProcessesOptions = {},
  ): Promise<RoleProcesses> {
    const inbox = `${folder}/inbox`;
    await copy(SAMPLE_INBOX, inbox);
    // Files of the same age are collected in the order of their names.
    for await (const { name } of Deno.readDir(inbox)) await Deno.utime(`${inbox}/${name}`, 0, 0);
    const stack = new AsyncDisposableStack();
    const compiled = fromSources ? undefined : Deno.env.get("BATON_BINARIES");
    const binaries = compiled && await Deno.realPath(compiled);
    // A compiled program may use only the ports that it was compiled with.
    const ports = binaries === undefined ? stack.use(claimPorts()) : PORTS;
    return new RoleProcesses({ folder, inbox: "inbox", ports, binaries }, env, stack);
  }

  /** Writes a new secret where all roles read it, and returns it. */
  async makeSecret(): Promise<string> {
    const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
    await Deno.mkdir(`${this.site.folder}/secret`);
    await Deno.writeTextFile(`${this.site.folder}/${SECRET_FILE}`, secret, { mode: 0o600 });
    return secret;
  }

  /** Starts a role that does not run yet. */
  start(role: Role, env: Variables = {}): void {
    this.#serving.set(role, this.spawn(role, ["serve"], env));
  }

  /** Starts all four roles; resolves when the orchestrator reaches all agents. */
  async startAll(env: Variables = {}): Promise<void> {
    for (const role of ROLES) this.start(role, env);
    await this.up();
  }

  /** Sends a signal to a role that was started. */
  signal(role: Role, name: Deno.Signal): void {
    sendSignal(this.#serving.get(role)!.child, name);
  }

  /** Ends a role that was started; returns its exit code. */
  async stop(role: Role, name: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number> {
    const { child, ended } = this.#serving.get(role)!;
    this.#serving.delete(role);
    if (name === "SIGKILL") sendSignal(child, name);
    else await stopRole(child);
    return (await ended).code;
  }

  /** Ends all roles with SIGTERM; returns what each wrote since its start, and its exit code. */
  async stopAll(): Promise<(Ran & { role: Role })[]> {
    const serving = [...this.#serving];
    this.#serving.clear();
    return await Promise.all(serving.map(async ([role, { child, ended }]) => {
      await stopRole(child);
      return { role, ...await ended };
    }));
  }

  /** Starts any subcommand of a role. The caller ends it. */
  spawn(role: Role, args: readonly string[], env: Variables = {}): Running {
    const own = {
      AUTH_TOKEN: "",
      AUTH_TOKEN_FILE: "",
      BATON_PORT: String(this.site.ports[role]),
      BATON_WATCH: "0",
      ...this.#env(role),
      ...env,
    };
    const child = launch(role, this.site, { args, env: own, stdout: "piped", stderr: "piped" });
    try {
      this.commandLines += Deno.readTextFileSync(`/proc/${child.pid}/cmdline`) + "\n";
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // it has ended already
    }
    const outputs = Promise.all([this.#read(child.stdout), this.#read(child.stderr)]);
    const ended = outputs.then(async ([stdout, stderr]) => {
      return { code: (await child.status).code, stdout, stderr };
    });
    return { child, ended };
  }

  /** Runs any subcommand of a role to its end. Kills it if that does not come. */
  async run(role: Role, args: readonly string[], env: Variables = {}): Promise<Ran> {
    const { child, ended } = this.spawn(role, args, env);
    const timer = setTimeout(() => sendSignal(child, "SIGKILL"), PATIENCE_MS);
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Runs a command that asks the orchestrator, with the default variables. Except for compiled
   * programs, all such commands share one process.
   */
  async ask(...args: string[]): Promise<Ran> {
    if (this.site.binaries !== undefined) return await this.run("orchestrator", args);
    this.#commands ??= this.#stack.use(this.#startCommands());
    const ran = await within(this.#commands.run(args), args.join(" "));
    this.output += ran.stdout + ran.stderr;
    return ran;
  }

  /** Resolves when the orchestrator reaches all agents. It must not use TLS. */
  async up(): Promise<void> {
    await waitUntilHealthy("orchestrator", this.site, PATIENCE_MS);
  }

  /** Asks the orchestrator again and again until the outcome is `wanted`. */
  async until(args: string[], wanted: (ran: Ran) => boolean): Promise<Ran> {
    const due = performance.now() + PATIENCE_MS;
    for (;; await sleep(POLL_MS)) {
      const ran = await this.ask(...args);
      if (wanted(ran)) return ran;
      if (performance.now() > due) {
        throw new Error(`Waited too long for ${args}: ${JSON.stringify(ran)}\n${this.output}`);
      }
    }
  }

  /** A client of the orchestrator. By default it has the secret of the folder. The caller closes it. */
  async remote(secret?: string): Promise<Remote> {
    secret ??= (await Deno.readTextFile(`${this.site.folder}/${SECRET_FILE}`)).trim();
    const address = { hostname: "127.0.0.1", port: this.site.ports.orchestrator };
    return new Remote(address, importSecret(secret));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAll();
    await this.#stack.disposeAsync();
  }

  #startCommands(): Commands {
    const command = new Deno.Command(Deno.execPath(), {
      args: [...runFromSources("orchestrator", this.site), COMMANDS_MAIN],
      cwd: this.site.folder,
      env: { ...commandEnv(this.site), NO_COLOR: "1", ...this.#env("orchestrator") },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    return new Commands(command);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<string> {
    let read = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TransformStream)) {
      read += text;
      this.output += text;
    }
    return read;
  }
}
