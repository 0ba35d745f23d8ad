import { copy } from "@std/fs/copy";
import { Client } from "../../lib/client/client.ts";
import type { JsonObject } from "../../lib/json.ts";
import {
  launch,
  makeSecret,
  SAMPLE_INBOX,
  type Site,
  stopRole,
  waitUntilHealthy,
} from "../../lib/launch/launch.ts";
import { claimPorts } from "../../lib/launch/ports.ts";
import { sleep } from "../../lib/retry.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { importSecret, type Secret } from "../../lib/wire/auth.ts";
import type { Target } from "./hostile_session.ts";

const START_MS = 60_000;
const PING_EVERY_MS = 50;
/** A role answers an honest ping before its event loop has worked for longer than this. */
const PING_BUSY_MS_MAX = 1_000;
/** A ping that takes longer is lost, however loaded the machine is. */
const PING_MS_MAX = 60_000;
/** How often the processor time of a role is read while a ping waits. */
const LOOK_MS = 250;
/** Connections of attackers are closed by then, however loaded the machine is. */
const SETTLE_MS = 60_000;
/** Connections of the honest client, and between roles, that may open during the run. */
const DESCRIPTORS_GROWTH_MAX = 8;
const MIB = 1024 * 1024;
/**
 * Roles remember tasks, up to a limit. That took 150 MiB in the first 40,000 inputs, and nothing in the
 * next 40,000. How much of it happens in a run depends on the speed of the machine.
 */
const GROWTH_MIB = 32;
const GROWTH_MIB_PER_INPUT = 0.004;
const GROWTH_MIB_MAX = 128;
/** Each garbage collection is a full one. Otherwise garbage would count as growth. */
const COLLECT_ALL = "--gc-global";
const TICKS_PER_SECOND = 100;

interface Process {
  readonly child: Deno.ChildProcess;
  /** Resolves at the end of its log. */
  readonly logged: Promise<void>;
  code?: number;
}

interface Used {
  readonly rssMib: number;
  readonly descriptors: number;
}

/**
 * The four roles as real processes under attack, observed from outside: whether they live, how soon
 * each answers an honest client, what they log, and how much memory and how many descriptors they use.
 */
export class Victim implements AsyncDisposable {
  readonly site: Site;
  /** The rules that were broken, a line each, in order. */
  readonly problems: string[] = [];
  /** The most processor time that a role used while an honest ping waited. */
  longestWaitMs = 0;
  /** The id of a task that is done. */
  #task = "";
  #secret!: Secret;
  #limits: Target["limits"] = {};
  readonly #ports = claimPorts();
  readonly #processes = new Map<Role, Process>();
  readonly #pinging = new AbortController();
  #pings: Promise<void>[] = [];
  #before = new Map<Role, Used>();

  private constructor(folder: string) {
    this.site = { folder, inbox: "inbox", ports: this.#ports };
  }

  /** Starts all roles, runs one task, and begins to ping. */
  static async start(): Promise<Victim> {
    const victim = new Victim(await Deno.makeTempDir({ prefix: "baton-fuzz-" }));
    try {
      await victim.#startAll();
      return victim;
    } catch (error) {
      await victim[Symbol.asyncDispose]();
      throw new Error([(error as Error).message, ...victim.problems].join("; "), { cause: error });
    }
  }

  /** What a hostile connection to a role needs to know. */
  target(role: Role): Target {
    const port = this.site.ports[role];
    return { port, secret: this.#secret, task: this.#task, limits: this.#limits };
  }

  /** Submits a task as an honest client does, and checks its report; returns its id. */
  async #runHonestTask(): Promise<string> {
    using client = await this.#client("orchestrator");
    const ask = (type: string, body: JsonObject, timeoutMs = 60_000): Promise<JsonObject> =>
      client.call(type, body, { timeoutMs });
    for (const agent of ["collector", "analyzer", "reporter"]) await ask("resume", { agent });
    await ask("resume", { pipeline: "report" });
    const stream = `honest-${crypto.randomUUID()}`;
    const sources = [{ text: "INFO one 1\nERROR two 2\nINFO one 3\n", name: stream }];
    const body = { input: { sources }, deadline_ms: 120_000, wait_ms: 120_000 };
    const { task, state, headline } = await ask("submit", body, 130_000);
    const expected = "First run: 3 records, 2 templates, errors 33.3 %";
    if (state !== "done" || headline !== expected) {
      this.problems.push(`an honest task is ${state}: ${JSON.stringify(headline)}`);
    }
    return String(task);
  }

  /** Takes the present use of memory and descriptors as the base of growth. */
  async measure(): Promise<void> {
    for (const role of ROLES) this.#before.set(role, await this.#used(role));
  }

  /**
   * Checks the roles after the attack; returns the largest growth in MiB.
   *
   * @param inputs how many connections there were since `measure()`
   */
  async check(inputs: number): Promise<number> {
    const growthMax = Math.min(GROWTH_MIB_MAX, GROWTH_MIB + inputs * GROWTH_MIB_PER_INPUT);
    await this.#runHonestTask();
    let growth = 0;
    for (const role of ROLES) {
      const before = this.#before.get(role)!;
      let now = await this.#used(role);
      const due = performance.now() + SETTLE_MS;
      while (now.descriptors > before.descriptors + DESCRIPTORS_GROWTH_MAX) {
        if (performance.now() > due) {
          const from = before.descriptors;
          this.problems.push(`${role} has ${now.descriptors} descriptors instead of ${from}`);
          break;
        }
        await sleep(100);
        now = await this.#used(role);
      }
      const grownMib = now.rssMib - before.rssMib;
      growth = Math.max(growth, grownMib);
      if (grownMib > growthMax) {
        this.problems.push(
          `${role} has grown by ${grownMib.toFixed(0)} MiB to ${now.rssMib.toFixed(0)}`,
        );
      }
    }
    return growth;
  }

  /** Ends all roles with SIGTERM. Each must end with 0. */
  async stop(): Promise<void> {
    this.#pinging.abort();
    await Promise.all(this.#pings);
    for (const [role, process] of this.#processes) {
      if (process.code !== undefined) continue;
      process.code = -1; // its end is expected from now on
      const code = await stopRole(process.child);
      if (code !== 0) this.problems.push(`${role} ended with ${code} at SIGTERM`);
      await process.logged;
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
    this.#secret = importSecret((await Deno.readTextFile(`${folder}/secret/token`)).trim());
    for (const role of ROLES) this.#start(role);
    await waitUntilHealthy("orchestrator", this.site, START_MS);
    using client = await this.#client("orchestrator");
    this.#limits = client.welcome!.limits;
    this.#task = await this.#runHonestTask();
    this.#pings = ROLES.map((role) => this.#ping(role));
  }

  #start(role: Role): void {
    const port = ["--port", String(this.site.ports[role])];
    const args = ["serve", ...port, ...(role === "orchestrator" ? ["--watch", "0"] : [])];
    const env = { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", DENO_V8_FLAGS: COLLECT_ALL };
    const child = launch(role, this.site, { args, env, stderr: "piped" });
    const process: Process = { child, logged: this.#checkLog(role, child.stderr) };
    this.#processes.set(role, process);
    child.status.then(({ code }) => {
      if (process.code !== undefined) return;
      process.code = code;
      this.problems.push(`${role} ended with ${code}`);
    });
  }

  /** Each line of a log must be JSON, and none may report a bug. */
  async #checkLog(role: Role, stream: ReadableStream<Uint8Array>): Promise<void> {
    let unfinished = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TransformStream)) {
      const lines = (unfinished + text).split("\n");
      unfinished = lines.pop()!;
      for (const line of lines) {
        if (!isHarmless(line)) this.problems.push(`${role} logs ${line.slice(0, 800)}`);
      }
    }
  }

  async #ping(role: Role): Promise<void> {
    const { signal } = this.#pinging;
    using client = await this.#client(role);
    const isOver = (): boolean =>
      signal.aborted || this.#processes.get(role)?.code !== undefined || this.problems.length > 0;
    for (; !isOver(); await sleep(PING_EVERY_MS, signal).catch(() => {})) {
      const busy = this.#busyMs(role);
      const begun = performance.now();
      let answered = false;
      const ping = client.call("ping", {}, { timeoutMs: PING_MS_MAX }).then(
        () => answered = true,
        (error) => isOver() || this.problems.push(`${role} does not answer: ${error.message}`),
      );
      // Only time in which the role works counts, not time in which the machine is busy otherwise.
      let used = 0;
      while (!answered && !isOver()) {
        const late = new AbortController();
        await Promise.race([ping, sleep(LOOK_MS, late.signal).catch(() => {})]);
        late.abort();
        used = this.#busyMs(role) - busy;
        if (used > PING_BUSY_MS_MAX) {
          const ms = (performance.now() - begun).toFixed(0);
          this.problems.push(`${role} answers no ping for ${ms} ms, of which it works ${used} ms`);
        }
      }
      this.longestWaitMs = Math.max(this.longestWaitMs, used);
    }
  }

  /** The processor time of the role's event loop since its start, in milliseconds. */
  #busyMs(role: Role): number {
    const { pid } = this.#processes.get(role)!.child;
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/stat`);
      const [utime, stime] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
      return (Number(utime) + Number(stime)) * 1000 / TICKS_PER_SECOND;
    } catch {
      return 0; // it has ended, which is a problem already
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
    return Client.connect({ address, secret: this.#secret, role, connectMs: START_MS });
  }
}

function isHarmless(line: string): boolean {
  try {
    const { event } = JSON.parse(line);
    return event !== "internal" && event !== "handler_stuck";
  } catch {
    return false; // such as a stack trace
  }
}
