/**
 * An orchestrator in its own process, and agents in the process of the test.
 *
 * @module
 */
import { z } from "zod";
import { defineAgent, op } from "../../agents/define.ts";
import { Runtime } from "../../agents/runtime/runtime.ts";
import type { Address } from "../../lib/address.ts";
import { Client } from "../../lib/client/client.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import { CodedError } from "../../lib/errors.ts";
import { Memory } from "../../lib/disk/memory.ts";
import type { JsonObject } from "../../lib/json.ts";
import { permissionFlags, permissionsOf, PORTS } from "../../lib/roles.ts";
import { Server } from "../../lib/server/server.ts";
import { Commands, COMMANDS_MAIN } from "../harness/commands.ts";
import { executeHere } from "../harness/execute_here.ts";
import { quiet } from "../harness/recorded_log.ts";
import { SECRET } from "../harness/secrets.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { within } from "../harness/waiting.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;
const MAIN = `${PROJECT}orchestrator/main.ts`;
const Any = z.record(z.string(), z.json());
type Any = z.infer<typeof Any>;
const ROLES = ["collector", "analyzer", "reporter"] as const;

/** What each op returns for an input. A text of `die` or `hang` makes `merge` fail or wait. */
const WORK: Record<string, (input: Any) => Any> = {
  collect: ({ sources }) => ({ text: (sources as { text: string }[])[0].text, cursor: null }),
  analyze: ({ text }) => ({ text }),
  combine: ({ partials }) => (partials as Any[])[0],
  merge: ({ partials }) => (partials as Any[])[0],
  report: ({ text }) => ({ headline: `About ${text}`, markdown: `# Report\n\n${text}\n` }),
};

/** The three agents, on free ports. */
export class FakeAgents implements AsyncDisposable {
  /** How often each op ran for each task. */
  readonly ran = new Map<string, number>();
  /** How often any op ran. */
  count = 0;
  readonly #servers = new Map<string, Server>();
  readonly #stack = new AsyncDisposableStack();
  readonly #hold = Promise.withResolvers<void>();

  static async start(folder: string): Promise<FakeAgents> {
    const agents = new FakeAgents();
    const ops = {
      collector: ["collect"],
      analyzer: ["analyze", "combine", "merge"],
      reporter: ["report"],
    };
    for (const role of ROLES) await agents.#serve(folder, role, ops[role]);
    return agents;
  }

  port(role: string): number {
    return this.#servers.get(role)!.address.port;
  }

  /** Ends the wait of the tasks whose text is `hang`. */
  release(): void {
    this.#hold.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#stack.disposeAsync();
  }

  async #serve(folder: string, role: string, names: string[]): Promise<void> {
    const memory = this.#stack.use(
      await Memory.open({ folder: `${folder}/${role}`, role, log: quiet, onFailed: () => {} }),
    );
    const ops = Object.fromEntries(names.map((name) => [name, this.#op(name)]));
    const agent = defineAgent(role, ops);
    const runtime = new Runtime({ agent, memory, log: quiet, execute: executeHere(agent) });
    const server = new Server({
      hostname: "127.0.0.1",
      port: 0,
      log: quiet,
      service: {
        role,
        name: `${role}-1`,
        version: "1.0.0",
        secret: await importSecret(SECRET),
        health: () => ({ status: "ok" }),
        answer: (request) => runtime.answer(request),
        onInternal: () => {},
      },
    });
    this.#servers.set(role, this.#stack.use(server));
  }

  #op(name: string) {
    return op({
      input: Any,
      output: Any,
      handle: async (input, { task, signal }) => {
        const key = `${name} ${task}`;
        this.ran.set(key, (this.ran.get(key) ?? 0) + 1);
        this.count++;
        const output = WORK[name](input);
        if (name !== "merge") return output;
        if (output.text === "die") throw new CodedError("handler_rejected", "Cannot merge this");
        const stopped = new Promise<void>((stop) => signal.addEventListener("abort", () => stop()));
        if (output.text === "hang") await Promise.race([this.#hold.promise, stopped]);
        return output;
      },
    });
  }
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
}

/** A temporary folder with a secret, in which commands and orchestrators run. */
export class Site implements AsyncDisposable {
  readonly folder: string;
  readonly ports = { ...PORTS };
  readonly #temp: TempFolder;
  #commands: Commands | undefined;

  private constructor(temp: TempFolder) {
    this.#temp = temp;
    this.folder = temp.path;
  }

  static async make(agents?: FakeAgents): Promise<Site> {
    const site = new Site(await TempFolder.make());
    for (const role of ROLES) {
      site.ports[role] = agents === undefined ? freePort() : agents.port(role);
    }
    site.ports.orchestrator = freePort();
    await Deno.mkdir(`${site.folder}/secret`);
    await Deno.writeTextFile(`${site.folder}/secret/token`, SECRET, { mode: 0o600 });
    return site;
  }

  get address(): Address {
    return { hostname: "127.0.0.1", port: this.ports.orchestrator };
  }

  /** Runs a command to its end, in a process of its own. */
  async run(args: string[], { env = {}, stdin }: RunOptions = {}): Promise<Ran> {
    const child = this.#command(MAIN, args, env, stdin === undefined ? "null" : "piped").spawn();
    if (stdin !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(stdin));
      await writer.close();
    }
    const { code, stdout, stderr } = await within(child.output(), args.join(" "), 60_000);
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  /** Runs a command to its end, in a process that all such commands share. */
  async command(args: string[]): Promise<Ran> {
    this.#commands ??= new Commands(this.#command(COMMANDS_MAIN, [], {}, "piped"));
    const { code, stdout, stderr } = await within(this.#commands.run(args), args.join(" "));
    return { code, out: stdout, err: stderr };
  }

  /** Runs a command against the orchestrator of this site; with options in a process of its own. */
  ask(args: string[], options?: RunOptions): Promise<Ran> {
    const words = [...args, "--port", String(this.ports.orchestrator)];
    return options === undefined ? this.command(words) : this.run(words, options);
  }

  /** Starts a process and does not wait for its end. */
  spawn(args: string[]): Running {
    return new Running(this.#command(MAIN, args, {}, "null").spawn());
  }

  /** Starts an orchestrator; resolves when it listens. */
  async serve(args: string[] = []): Promise<Running> {
    const running = this.spawnServe(args);
    await running.said('"event":"serving"');
    return running;
  }

  spawnServe(args: string[] = []): Running {
    return this.spawn([...this.serveArgs(), ...args]);
  }

  serveArgs(): string[] {
    const { orchestrator, ...agents } = this.ports;
    const addresses = Object.entries(agents).flatMap(([role, port]) => [
      `--${role}`,
      `127.0.0.1:${port}`,
    ]);
    return ["serve", "--port", String(orchestrator), "--watch", "0", ...addresses];
  }

  /** Connects to the orchestrator of this site; the caller disposes the client. */
  async connect(): Promise<Client> {
    const secret = await importSecret(SECRET);
    return await Client.connect({ address: this.address, secret, role: "orchestrator" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commands?.[Symbol.asyncDispose]();
    await this.#temp[Symbol.asyncDispose]();
  }

  #command(
    main: string,
    args: string[],
    env: Record<string, string>,
    stdin: "null" | "piped",
  ): Deno.Command {
    const permissions = permissionFlags(
      permissionsOf("orchestrator", { ports: this.ports, inbox: "inbox" }),
    );
    const own = Object.fromEntries(
      ["PATH", "HOME", "DENO_DIR"].flatMap((name) => {
        const value = Deno.env.get(name);
        return value === undefined ? [] : [[name, value]];
      }),
    );
    return new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", `--config=${PROJECT}deno.json`, "--no-check"],
        ...permissions,
        main,
        ...args,
      ],
      cwd: this.folder,
      clearEnv: true,
      env: { ...own, NO_COLOR: "1", ...env },
      stdin,
      stdout: "piped",
      stderr: "piped",
    });
  }
}

/** A running process and its output; disposing it kills the process. */
export class Running implements AsyncDisposable {
  out = "";
  err = "";
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  #changed = Promise.withResolvers<void>();
  #ended = false;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#read = Promise.all([
      this.#copy(child.stdout, (text) => this.out += text),
      this.#copy(child.stderr, (text) => this.err += text),
    ]).then(() => {
      this.#ended = true;
      this.#changed.resolve();
    });
  }

  /** Resolves when the process has written `text` to stdout or stderr. */
  async said(text: string): Promise<void> {
    while (!this.err.includes(text) && !this.out.includes(text)) {
      if (this.#ended) throw new Error(`The process ended without writing ${text}: ${this.err}`);
      await within(this.#changed.promise, text);
    }
  }

  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch { /* it has ended already */ }
  }

  /** Resolves with the exit code when the process has ended. */
  async end(): Promise<number> {
    const { code } = await within(this.#child.status, "the end of a process");
    await this.#read;
    return code;
  }

  stop(name: Deno.Signal = "SIGTERM"): Promise<number> {
    this.signal(name);
    return this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }

  async #copy(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TransformStream)) {
      add(text);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}

export async function ask(client: Client, type: string, body: JsonObject): Promise<JsonObject> {
  return await client.call(type, body, { timeoutMs: 60_000 });
}

/** Returns a free port below the range from which the system hands out ports by itself. */
function freePort(): number {
  while (true) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      using _ = Deno.listen({ hostname: "127.0.0.1", port });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
