/**
 * The four roles as real processes, looked at from outside: whether they live, how soon each answers
 * an honest client, what they use, and what they say.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import { importSecret, type Secret } from "../../lib/wire/auth.ts";
import { Client } from "../../lib/client/client.ts";
import {
  launch,
  makeSecret,
  SAMPLE_INBOX,
  type Site,
  stopRole,
  waitUntilHealthy,
} from "../../lib/launch/launch.ts";
import { claimPorts } from "../../lib/launch/ports.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Target } from "./hostile_session.ts";
import { sleep } from "../../lib/retry.ts";
import { type Role, ROLES } from "../../lib/roles.ts";

const START_MS = 60_000;
const PING_EVERY_MS = 50;
/** An honest client is answered within this time. */
export const PING_MS_MAX = 1_000;
/** However loaded the machine is. */
const PING_MS_END = 30_000;
/** While a ping waits its role is looked at so often. */
const LOOK_MS = 250;
const SETTLE_MS = 5_000;
/** What stays open of the honest client and of what the roles have with each other. */
const DESCRIPTORS_MORE_MAX = 8;
const MIB = 1024 * 1024;
/**
 * Until they have what they remember, roles fill up, the sooner the faster the machine: by 150 MiB in
 * 40,000 inputs, and by nothing in as many more.
 */
const GROWTH_MIB = 32;
const GROWTH_MIB_PER_INPUT = 0.004;
const GROWTH_MIB_MAX = 128;
/** Whatever V8 would keep for later is no growth, so each of its collections is a full one. */
const COLLECT_ALL = "--gc-global";
const TICKS_PER_SECOND = 100;

interface Process {
  readonly child: Deno.ChildProcess;
  readonly heard: Promise<void>;
  code?: number;
}

interface Used {
  readonly rssMib: number;
  readonly descriptors: number;
}

export class Victim implements AsyncDisposable {
  readonly site: Site;
  /** What must not be, in the order in which it was seen. */
  readonly findings: string[] = [];
  /** Of a task that is done. */
  task = "";
  longestWaitMs = 0;
  secret!: Secret;
  limits: Target["limits"] = {};
  readonly #ports = claimPorts();
  readonly #processes = new Map<Role, Process>();
  readonly #pinging = new AbortController();
  #pings: Promise<void>[] = [];
  #before = new Map<Role, Used>();

  private constructor(folder: string) {
    this.site = { folder, inbox: "inbox", ports: this.#ports };
  }

  static async start(): Promise<Victim> {
    const victim = new Victim(await Deno.makeTempDir({ prefix: "baton-fuzz-" }));
    try {
      await victim.#startAll();
      return victim;
    } catch (error) {
      await victim[Symbol.asyncDispose]();
      throw new Error([(error as Error).message, ...victim.findings].join("; "), { cause: error });
    }
  }

  /** Whom inputs for a role are for. */
  target(role: Role): Target {
    const { secret, task, limits } = this;
    return { port: this.site.ports[role], secret, task, limits };
  }

  /** A task as anybody would submit it; gives its id when its report is right. */
  async honestTask(): Promise<string> {
    using client = await this.#client("orchestrator");
    const ask = (type: string, body: JsonObject, timeoutMs = 5_000): Promise<JsonObject> =>
      client.call(type, body, { timeoutMs });
    for (const agent of ["collector", "analyzer", "reporter"]) await ask("resume", { agent });
    await ask("resume", { pipeline: "report" });
    const stream = `honest-${crypto.randomUUID()}`;
    const sources = [{ text: "INFO one 1\nERROR two 2\nINFO one 3\n", name: stream }];
    const body = { input: { sources }, deadline_ms: 120_000, wait_ms: 120_000 };
    const { task, state, headline } = await ask("submit", body, 130_000);
    const expected = "First run: 3 records, 2 templates, errors 33.3 %";
    if (state !== "done" || headline !== expected) {
      this.findings.push(`an honest task is ${state}: ${JSON.stringify(headline)}`);
    }
    return String(task);
  }

  /** From here on growth is counted. */
  async measure(): Promise<void> {
    for (const role of ROLES) this.#before.set(role, await this.#used(role));
  }

  /** What has become of the roles once nobody attacks any more; gives the growth in MiB. */
  async judge(inputs: number): Promise<number> {
    const growthMax = Math.min(GROWTH_MIB_MAX, GROWTH_MIB + inputs * GROWTH_MIB_PER_INPUT);
    await this.honestTask();
    let growth = 0;
    for (const role of ROLES) {
      const before = this.#before.get(role)!;
      let now = await this.#used(role);
      const due = performance.now() + SETTLE_MS;
      while (now.descriptors > before.descriptors + DESCRIPTORS_MORE_MAX) {
        if (performance.now() > due) {
          const from = before.descriptors;
          this.findings.push(`${role} has ${now.descriptors} descriptors instead of ${from}`);
          break;
        }
        await sleep(100);
        now = await this.#used(role);
      }
      const more = now.rssMib - before.rssMib;
      growth = Math.max(growth, more);
      if (more > growthMax) {
        this.findings.push(
          `${role} has grown by ${more.toFixed(0)} MiB to ${now.rssMib.toFixed(0)}`,
        );
      }
    }
    return growth;
  }

  /** Ends all with SIGTERM, to which each answers with 0. */
  async stop(): Promise<void> {
    this.#pinging.abort();
    await Promise.all(this.#pings);
    for (const [role, process] of this.#processes) {
      if (process.code !== undefined) continue;
      process.code = -1; // from here on an end is expected
      const code = await stopRole(process.child);
      if (code !== 0) this.findings.push(`${role} ended with ${code} at SIGTERM`);
      await process.heard;
    }
    this.#processes.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#ports[Symbol.dispose]();
    await Deno.remove(this.site.folder, { recursive: true });
  }

  async #startAll(): Promise<void> {
    const { folder } = this.site;
    await copy(SAMPLE_INBOX, `${folder}/inbox`);
    await makeSecret(this.site);
    this.secret = importSecret((await Deno.readTextFile(`${folder}/secret/token`)).trim());
    for (const role of ROLES) this.#start(role);
    await waitUntilHealthy("orchestrator", this.site, START_MS);
    using client = await this.#client("orchestrator");
    this.limits = client.welcome!.limits;
    this.task = await this.honestTask();
    this.#pings = ROLES.map((role) => this.#ping(role));
  }

  #start(role: Role): void {
    const port = ["--port", String(this.site.ports[role])];
    const args = ["serve", ...port, ...(role === "orchestrator" ? ["--watch", "0"] : [])];
    const env = { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", DENO_V8_FLAGS: COLLECT_ALL };
    const child = launch(role, this.site, { args, env, stderr: "piped" });
    const process: Process = { child, heard: this.#hear(role, child.stderr) };
    this.#processes.set(role, process);
    child.status.then(({ code }) => {
      if (process.code !== undefined) return;
      process.code = code;
      this.findings.push(`${role} ended with ${code}`);
    });
  }

  /** Each line of a log is JSON, and none tells of what nobody has foreseen. */
  async #hear(role: Role, stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TransformStream)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (!isQuiet(line)) this.findings.push(`${role} says ${line.slice(0, 800)}`);
      }
    }
  }

  async #ping(role: Role): Promise<void> {
    const { signal } = this.#pinging;
    using client = await this.#client(role);
    const isOver = (): boolean =>
      signal.aborted || this.#processes.get(role)?.code !== undefined || this.findings.length > 0;
    for (; !isOver(); await sleep(PING_EVERY_MS, signal).catch(() => {})) {
      const busy = this.#busyMs(role);
      const begun = performance.now();
      let answered = false;
      const ping = client.call("ping", {}, { timeoutMs: PING_MS_END }).then(
        () => answered = true,
        (error) => isOver() || this.findings.push(`${role} does not answer: ${error.message}`),
      );
      // Time that the role works counts, not time that the machine has no time for it.
      let used = 0;
      while (!answered && !isOver()) {
        const late = new AbortController();
        await Promise.race([ping, sleep(LOOK_MS, late.signal).catch(() => {})]);
        late.abort();
        used = this.#busyMs(role) - busy;
        if (used > PING_MS_MAX) {
          const ms = (performance.now() - begun).toFixed(0);
          this.findings.push(`${role} lets a ping wait for ${ms} ms, ${used} of them at work`);
        }
      }
      this.longestWaitMs = Math.max(this.longestWaitMs, used);
    }
  }

  /** Time that the role's event loop has worked for since its start. */
  #busyMs(role: Role): number {
    const { pid } = this.#processes.get(role)!.child;
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/stat`);
      const [utime, stime] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
      return (Number(utime) + Number(stime)) * 1000 / TICKS_PER_SECOND;
    } catch {
      return 0; // it has ended, which is told elsewhere
    }
  }

  async #used(role: Role): Promise<Used> {
    const { pid } = this.#processes.get(role)!.child;
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const descriptors = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
    const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
    return { rssMib: rss / MIB, descriptors: descriptors.length };
  }

  #client(role: Role): Promise<Client> {
    const address = { hostname: "127.0.0.1", port: this.site.ports[role] };
    return Client.connect({ address, secret: this.secret, role, connectMs: START_MS });
  }
}

function isQuiet(line: string): boolean {
  try {
    const { event } = JSON.parse(line);
    return event !== "internal" && event !== "handler_stuck";
  } catch {
    return false; // a stack, say
  }
}
