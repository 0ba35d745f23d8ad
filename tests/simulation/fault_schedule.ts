import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { Dice } from "../harness/dice.ts";
import type { Node } from "./node.ts";
import type { SimNet } from "./sim_net.ts";
import type { Timeline } from "./timeline.ts";

/** From one fault to the next. */
const BETWEEN_MS = [50, 2_500] as const;
/** How long one lasts that ends. */
const LASTS_MS = [20, 8_000] as const;
/** Whoever starts a process anew takes so long. */
const RESTART_MS = [50, 3_000] as const;

export interface Place {
  readonly timeline: Timeline;
  readonly net: SimNet;
  readonly dice: Dice;
  readonly nodes: readonly Node[];
  /** Names of the machines that clients run on. */
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
    orchestrator.service?.ask("pause", { agent }).catch(() => {}); // it ends, or its disk is full
    place.timeline.after(between(place, LASTS_MS), () => resume(place, agent));
  },
  snapshot: (_place, { memory }) => void memory?.snapshot().catch(() => {}), // the journal goes on
};
export const FAULT_NAMES = Object.keys(FAULTS);

/**
 * Does harm at random until its time is over: each seed has its own choice of what may go wrong, so
 * that what is rare together comes together somewhere (swarm testing: Groce et al., ISSTA 2012).
 *
 * @param names what may go wrong
 * @returns how often each did
 */
export function injectFaults(
  place: Place,
  names: readonly string[],
  ms: number,
): Map<string, number> {
  const done = new Map<string, number>();
  const over = place.timeline.now + ms;
  const next = (): void => {
    if (place.timeline.now >= over) return;
    const name = place.dice.pick(names);
    done.set(name, (done.get(name) ?? 0) + 1);
    FAULTS[name](place, place.dice.pick(place.nodes));
    place.timeline.after(between(place, BETWEEN_MS), next);
  };
  place.timeline.after(between(place, BETWEEN_MS), next);
  return done;
}

/** Ends all harm: everything runs, and everybody reaches everybody. */
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

/** Lets an agent go on, as soon as there is an orchestrator that does it. */
function resume(place: Place, agent: string): void {
  const again = (): void =>
    void place.timeline.after(between(place, RESTART_MS), () => {
      resume(place, agent);
    });
  const { service } = place.nodes[0] as unknown as Node<Orchestrator>;
  if (service === undefined) again();
  else service.ask("resume", { agent }).catch(again);
}

/** Starts a process anew that has ended. */
export function startLater(place: Place, node: Node): void {
  place.timeline.after(between(place, RESTART_MS), () => node.start());
}

/** Somebody that this machine talks to. */
function otherOf(
  { dice, nodes, clients }: Omit<Place, "net">,
  { machine }: Pick<Node, "machine">,
): string {
  const [orchestrator, ...agents] = nodes.map((node) => node.machine.name);
  return machine.name === orchestrator ? dice.pick([...agents, ...clients]) : orchestrator;
}

function between({ dice }: Pick<Place, "dice">, [least, most]: readonly [number, number]): number {
  return least + dice.next() * (most - least);
}
