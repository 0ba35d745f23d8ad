import { AgentService } from "../../agents/runtime/service.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import type { Log } from "../../lib/log.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { Remote } from "../../orchestrator/cli/remote.ts";
import { Dice } from "../harness/dice.ts";
import { executeHere } from "../harness/execute_here.ts";
import { checkInvariants } from "./invariants.ts";
import { Machine } from "./machine.ts";
import { Node } from "./node.ts";
import { AGENTS, type Mishaps, PIPELINE } from "./roles.ts";
import { SimClient } from "./sim_client.ts";
import { SimNet } from "./sim_net.ts";
import { Timeline } from "./timeline.ts";
import { FAULT_NAMES, heal, injectFaults, type Place, startLater } from "./fault_schedule.ts";

const SECRET = importSecret("a secret that is only ever used in a simulation");
const PORT = 7100;
const CLIENTS = 3;
/** The virtual time during which faults are injected. */
const TROUBLE_MS = 40_000;
/** The virtual time in which all tasks must end after the faults; includes detecting dead peers. */
const HEAL_MS = 240_000;
const STOP_MS = 20_000;
/** The role of each agent machine. */
const AGENT_MACHINES = {
  "collector-1": "collector",
  "analyzer-1": "analyzer",
  "analyzer-2": "analyzer",
  "counter-1": "counter",
};

/** Plants a defect, which the simulation must then find. */
export type Mutant = (place: Place) => void;

/** The seed of a run, and the defect to plant, if any. */
export interface SimulationOptions {
  readonly seed: number;
  readonly mutant?: Mutant;
}

/** The result of a run. */
export interface Outcome {
  /** A line for each violation. */
  readonly findings: readonly string[];
  /** How often each fault was injected. */
  readonly faults: ReadonlyMap<string, number>;
  /** The number of submitted tasks. */
  readonly tasks: number;
  /** The number of events on the timeline. */
  readonly events: number;
  /** If it differs between two runs of a seed, the runs were not the same. */
  readonly digest: number;
}

/** Runs an orchestrator, four agents and three clients on failing machines, all from one seed. */
export async function simulate({ seed, mutant }: SimulationOptions): Promise<Outcome> {
  return await new Simulation(seed).run(mutant);
}

class Simulation {
  readonly #timeline = new Timeline();
  readonly #dice: Dice;
  readonly #net: SimNet;
  readonly #findings: string[] = [];
  readonly #mishaps: Mishaps = { fails: 0.05, isSlow: 0.1, hangs: 0.01 };
  readonly #orchestrator: Node<Orchestrator>;
  readonly #agents: Node<AgentService>[];
  readonly #clients: SimClient[] = [];
  readonly #place: Place;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
    this.#net = new SimNet(this.#timeline, this.#split());
    this.#agents = Object.entries(AGENT_MACHINES).map(([name, role]) => this.#agent(name, role));
    this.#orchestrator = this.#makeOrchestrator();
    const clients = Array.from({ length: CLIENTS }, (_, at) => `client-${at}`);
    this.#place = {
      timeline: this.#timeline,
      net: this.#net,
      dice: this.#split(),
      nodes: [this.#orchestrator, ...this.#agents],
      clients,
    };
    for (const name of clients) this.#clients.push(this.#client(name));
  }

  async run(mutant: Mutant = () => {}): Promise<Outcome> {
    const { nodes, dice } = this.#place;
    const names = FAULT_NAMES.filter(() => dice.below(2) === 0);
    for (const node of nodes) node.start();
    mutant(this.#place);
    const clients = Promise.all(this.#clients.map((client) => client.run()));
    const faults = names.length > 0
      ? injectFaults(this.#place, names, TROUBLE_MS)
      : new Map<string, number>();
    this.#timeline.after(TROUBLE_MS, () => this.#heal());
    try {
      await this.#until(clients, TROUBLE_MS + HEAL_MS);
      await this.#passUntil(() => this.#isIdle(), HEAL_MS);
      this.#checkInvariants();
      await this.#until(this.#stop(), STOP_MS);
    } catch (error) {
      this.#found((error as Error).message);
    }
    const tasks = this.#clients.reduce((sum, { records }) => sum + records.length, 0);
    const { events, digest } = this.#timeline;
    return { findings: this.#findings, faults, tasks, events, digest };
  }

  #heal(): void {
    Object.assign(this.#mishaps, { fails: 0, isSlow: 0, hangs: 0 });
    heal(this.#place);
  }

  /** Whether every task has ended, even a task that no client follows. */
  #isIdle(): boolean {
    const orchestrator = this.#orchestrator.service;
    return orchestrator !== undefined &&
      orchestrator.scheduler.running + orchestrator.scheduler.waiting === 0 &&
      this.#place.nodes.every(({ memory }) => memory !== undefined);
  }

  #checkInvariants(): void {
    const records = this.#clients.flatMap(({ records }) => records);
    const counter = this.#agents.at(-1)!.memory!;
    this.#findings.push(...checkInvariants(records, this.#orchestrator.service!, counter));
  }

  /** Restarts each node and checks that its memory has the same content as before. */
  async #stop(): Promise<void> {
    for (const node of this.#place.nodes) {
      const before = contentOf(node.memory!);
      await node.stop();
      node.start();
      while (node.memory === undefined) await this.#pass(1);
      if (contentOf(node.memory) !== before) this.#found(`${node.machine.name} reads other values`);
      node.kill();
    }
  }

  async #pass(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#timeline.after(ms, resolve));
  }

  async #until(work: Promise<unknown>, limitMs: number): Promise<void> {
    let settled = false;
    const settle = (): void => void (settled = true);
    work.then(settle, settle);
    await this.#passUntil(() => settled, limitMs);
    await work;
  }

  async #passUntil(condition: () => boolean, limitMs: number): Promise<void> {
    await this.#timeline.run(() => this.#findings.length > 0 || condition(), limitMs);
    if (this.#findings.length > 0) throw new Error("Stopped there");
  }

  #makeOrchestrator(): Node<Orchestrator> {
    const agents = Object.groupBy(
      Object.entries(AGENT_MACHINES).map(([hostname, role]) => ({ hostname, port: PORT, role })),
      ({ role }) => role,
    ) as Record<string, { hostname: string; port: number }[]>;
    return this.#node("orchestrator", "orchestrator", (system, memory, log) =>
      new Orchestrator({
        ...this.#common("orchestrator-1", memory, log),
        agents,
        pipelines: new Map([[PIPELINE.name, PIPELINE]]),
        concurrency: 4,
        queueMax: 100,
        maxWaitMs: 60_000,
        system,
      }));
  }

  #agent(name: string, role: string): Node<AgentService> {
    return this.#node(name, role, (system, memory, log) => {
      const agent = AGENTS[role](system, this.#mishaps);
      const execute = executeHere(agent);
      return new AgentService({ ...this.#common(name, memory, log), agent, execute, system });
    });
  }

  #common(name: string, memory: Memory, log: Log) {
    return { host: "0.0.0.0", port: PORT, name, secret: SECRET, memory, log };
  }

  #node<S extends Orchestrator | AgentService>(
    name: string,
    role: string,
    begin: ConstructorParameters<typeof Node<S>>[0]["begin"],
  ): Node<S> {
    const node: Node<S> = new Node<S>({
      machine: this.#machine(name),
      role,
      begin,
      log: (_level, event, fields) => {
        // Only a defect causes these two events.
        if (event !== "internal" && event !== "task_orphaned") return;
        this.#found(`${name}: ${event} ${JSON.stringify(fields)}`);
      },
      onEnded: () => startLater(this.#place, node as Node),
      onFinding: (finding) => this.#found(finding),
    });
    return node;
  }

  #client(name: string): SimClient {
    const system = this.#machine(name).boot();
    return new SimClient({
      name,
      remote: new Remote({ hostname: "orchestrator", port: PORT }, SECRET, system),
      system,
      goesOn: () => this.#timeline.now < TROUBLE_MS,
      onFinding: (finding) => this.#found(`${name}: ${finding}`),
    });
  }

  #machine(name: string): Machine {
    return new Machine({ name, timeline: this.#timeline, net: this.#net, dice: this.#split() });
  }

  #found(finding: string): void {
    this.#findings.push(`at ${this.#timeline.now.toFixed(1)} ms: ${finding}`);
  }

  #split(): Dice {
    return new Dice(this.#dice.below(2 ** 32));
  }
}

function contentOf(memory: Memory): string {
  return JSON.stringify([...memory.entries("")]);
}
