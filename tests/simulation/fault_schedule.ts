import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { Dice } from "../harness/dice.ts";
import type { Node } from "./node.ts";
import type { SimNet } from "./sim_net.ts";
import type { Timeline } from "./timeline.ts";

/** The time from one fault to the next. */
const BETWEEN_MS = [50, 2_500] as const;
/** How long a temporary fault lasts. */
const LASTS_MS = [20, 8_000] as const;
/** The time from the end of a process to its restart. */
const RESTART_MS = [50, 3_000] as const;

/** What the faults act on: the machines, their network and the clock. */
export interface Place {
  readonly timeline: Timeline;
  readonly net: SimNet;
  readonly dice: Dice;
  readonly nodes: readonly Node[];
  /** The names of the clients' machines. */
  readonly clients: readonly string[];
}

type Fault = (place: Place, node: Node) => void;

const FAULTS: Readonly<Record<string, Fault>> = {
  kill: (place, node) => {
    node.kill();
    startLater(place, node);
  },
  "power cut": (place, node) => {
    node.cutPower();
    startLater(place, node);
  },
  restart: (place, node) => void node.stop().then(() => startLater(place, node)),
  pause: (place, { machine }) => {
    machine.pause();
    place.timeline.after(between(place, LASTS_MS), () => machine.resume());
  },
  partition: ({ net, ...place }, node) => {
    const other = otherOf(place, node);
    const oneWay = place.dice.below(2) === 0;
    net.partition(node.machine.name, other, { oneWay });
    place.timeline.after(between(place, LASTS_MS), () => net.heal(node.machine.name, other));
  },
  reset: ({ net, ...place }, { machine }) => net.reset(machine.name, otherOf(place, { machine })),
  "bad line": (place) => {
    const { chance } = place.net.faults;
    const kind = place.dice.pick(["drop", "duplicate", "swap", "delay", "reset", "slow"] as const);
    chance[kind] = kind === "slow" ? 0.3 : 0.03;
    place.timeline.after(between(place, LASTS_MS), () => place.net.faults.calm());
  },
  "bad disk": (place, { machine: { disk } }) => {
    const kind = place.dice.pick(["slow", "shortWrite", "noSpace", "failedSync"] as const);
    disk.faults.chance[kind] = { slow: 0.2, shortWrite: 0.3, noSpace: 0.1, failedSync: 0.02 }[kind];
    place.timeline.after(between(place, LASTS_MS), () => disk.faults.calm());
  },
  "full disk": (place, { machine: { disk } }) => {
    disk.capacityBytes = place.dice.below(64 * 1024);
    place.timeline.after(between(place, LASTS_MS), () => disk.capacityBytes = Infinity);
  },
  "wrong date": ({ dice }, { machine }) => machine.shiftDate((dice.next() - 0.5) * 48 * 3_600_000),
  "paused agent": (place) => {
    const orchestrator = place.nodes[0] as unknown as Node<Orchestrator>;
    const agent = place.dice.pick(place.nodes.slice(1)).role;
    // The request fails if the orchestrator ends or its disk is full.
    orchestrator.service?.ask("pause", { agent }).catch(() => {});
    place.timeline.after(between(place, LASTS_MS), () => resume(place, agent));
  },
  // If the snapshot fails, the journal still has all records.
  snapshot: (_place, { memory }) => void memory?.snapshot().catch(() => {}),
};
/** The names of all faults that `injectFaults` knows. */
export const FAULT_NAMES = Object.keys(FAULTS);

/**
 * Injects random faults for `ms` of virtual time. Each seed enables its own subset of faults, so
 * that rare combinations occur in some seed (swarm testing: Groce et al., ISSTA 2012).
 *
 * @param names the faults that are enabled
 * @returns how often each fault was injected; it is filled in while the time passes
 */
export function injectFaults(
  place: Place,
  names: readonly string[],
  ms: number,
): Map<string, number> {
  const counts = new Map<string, number>();
  const end = place.timeline.now + ms;
  const next = (): void => {
    if (place.timeline.now >= end) return;
    const name = place.dice.pick(names);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    FAULTS[name](place, place.dice.pick(place.nodes));
    place.timeline.after(between(place, BETWEEN_MS), next);
  };
  place.timeline.after(between(place, BETWEEN_MS), next);
  return counts;
}

/** Ends all faults: every process runs, and every machine reaches every other. */
export function heal(place: Place): void {
  const { net, nodes } = place;
  net.faults.calm();
  net.heal();
  for (const node of nodes) {
    node.machine.disk.faults.calm();
    node.machine.disk.capacityBytes = Infinity;
    node.machine.resume();
    node.start();
    if (node !== nodes[0]) resume(place, node.role);
  }
}

/** Resumes a paused agent, and tries again until an orchestrator accepts the request. */
function resume(place: Place, agent: string): void {
  const retry = (): void =>
    void place.timeline.after(between(place, RESTART_MS), () => {
      resume(place, agent);
    });
  const { service } = place.nodes[0] as unknown as Node<Orchestrator>;
  if (service === undefined) retry();
  else service.ask("resume", { agent }).catch(retry);
}

/** Restarts a process that has ended, after a random delay. */
export function startLater(place: Place, node: Node): void {
  place.timeline.after(between(place, RESTART_MS), () => node.start());
}

/** Picks a machine that this machine exchanges messages with. */
function otherOf(
  { dice, nodes, clients }: Omit<Place, "net">,
  { machine }: Pick<Node, "machine">,
): string {
  const [orchestrator, ...agents] = nodes.map((node) => node.machine.name);
  return machine.name === orchestrator ? dice.pick([...agents, ...clients]) : orchestrator;
}

function between({ dice }: Pick<Place, "dice">, [min, max]: readonly [number, number]): number {
  return min + dice.next() * (max - min);
}
