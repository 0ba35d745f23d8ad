import type { Connection, Listener, Net } from "../../lib/system.ts";
import type { Dice } from "../harness/dice.ts";
import type { Faults } from "./faults.ts";
import { type NetFault, NetHardware } from "./net_hardware.ts";
import type { Process } from "./process.ts";
import { SimConnection, type Wiring } from "./sim_connection.ts";
import { SimListener } from "./sim_listener.ts";
import { systemError } from "./system_errors.ts";
import type { Timeline } from "./timeline.ts";

const FREE_PORT_MIN = 49_152;
/** Names by which a host reaches itself. */
const OWN_NAMES = ["localhost", "127.0.0.1", "0.0.0.0", "::1"];

/** What a host's system knows; a power cut takes all of it. */
interface Host {
  readonly name: string;
  readonly listeners: Map<number, SimListener>;
  readonly connections: Set<SimConnection>;
}

/** Hosts by name, and TCP between them. */
export class SimNet {
  readonly #hardware: NetHardware;
  readonly #dice: Dice;
  readonly #hosts = new Map<string, Host>();

  constructor(timeline: Timeline, dice: Dice) {
    this.#dice = dice;
    this.#hardware = new NetHardware(timeline, dice);
  }

  get faults(): Faults<NetFault> {
    return this.#hardware.faults;
  }

  /** The net as a process on this host uses it. */
  attach(host: string, process: Process): Net {
    return {
      connect: (options) => this.#connect(this.#host(host), process, options),
      listen: (options) => this.#listen(this.#host(host), process, options),
    };
  }

  /** The host answers from now on. */
  turnOn(host: string): void {
    this.#hardware.turnOn(host);
  }

  /** The host's processes have ended: it answers, but nobody listens there. */
  kill(name: string): void {
    const { connections, listeners } = this.#host(name);
    for (const listener of listeners.values()) listener.abandon();
    for (const connection of connections) connection.abandon();
  }

  /** The host is silent, and when it is on again it knows nothing of its connections. */
  cutPower(name: string): void {
    const { connections, listeners } = this.#host(name);
    this.#hardware.turnOff(name);
    listeners.clear();
    for (const connection of connections) connection.vanish();
    connections.clear();
  }

  /** Resets all connections between two hosts. */
  reset(one: string, other: string): void {
    for (const connection of [...this.#host(one).connections]) {
      if (connection.remoteAddr.hostname === other) connection.reset();
    }
  }

  /** Holds back what the two send each other, or only what the first sends. */
  partition(one: string, other: string, { oneWay = false } = {}): void {
    this.#hardware.block(one, other);
    if (!oneWay) this.#hardware.block(other, one);
  }

  /** Ends the partition between two hosts; without them, all. */
  heal(one?: string, other?: string): void {
    if (one === undefined || other === undefined) return this.#hardware.freeAll();
    this.#hardware.free(one, other);
    this.#hardware.free(other, one);
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = { name, listeners: new Map(), connections: new Set() };
      this.#hosts.set(name, host);
    }
    return host;
  }

  #listen(
    host: Host,
    process: Process,
    { hostname = "0.0.0.0", port }: Deno.ListenOptions & { port: number },
  ): Listener {
    if (process.ended) throw new Error("Cannot listen: this process has ended");
    if (host.listeners.has(port)) throw systemError("EADDRINUSE");
    let free = port === 0 ? FREE_PORT_MIN : port;
    while (host.listeners.has(free)) free++;
    const addr = { transport: "tcp", hostname, port: free } as const;
    const listener = new SimListener(addr, process, () => host.listeners.delete(free));
    host.listeners.set(free, listener);
    return listener;
  }

  #connect(from: Host, process: Process, options: Deno.ConnectOptions): Promise<Connection> {
    const { hostname = "127.0.0.1", port, signal } = options;
    const to = this.#host(OWN_NAMES.includes(hostname) ? from.name : hostname);
    const { timeline } = this.#hardware;
    return new Promise((resolve, reject) => {
      if (process.ended) return;
      if (signal?.aborted) return reject(signal.reason);
      let wanted = true;
      const stop = (): void => {
        if (process.ended) return;
        wanted = false;
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
      const answer = (connection: SimConnection | undefined): void =>
        process.settle(() => {
          signal?.removeEventListener("abort", stop);
          if (!wanted) connection?.close();
          else if (connection === undefined) reject(systemError("ECONNREFUSED"));
          else resolve(connection);
        });
      const knock = (): void => {
        if (!wanted || process.ended) return;
        if (!this.#reach(from, to)) return this.#hardware.whenChanged(knock);
        const connection = this.#open(from, process, to, port);
        timeline.after(this.#hardware.latencyMs(), () => answer(connection));
      };
      timeline.after(this.#hardware.latencyMs(), knock);
    });
  }

  #reach(from: Host, to: Host): boolean {
    return this.#hardware.passes(from.name, to.name) && this.#hardware.passes(to.name, from.name);
  }

  /** Nothing where nobody listens. */
  #open(from: Host, process: Process, to: Host, port: number): SimConnection | undefined {
    const listener = to.listeners.get(port);
    if (listener === undefined) return undefined;
    const [near, far] = SimConnection.pair(
      this.#wiring(from, to, process),
      this.#wiring(to, from, listener.process),
    );
    from.connections.add(near);
    to.connections.add(far);
    listener.take(far);
    return near;
  }

  #wiring(host: Host, peer: Host, process: Process): Wiring {
    return {
      hardware: this.#hardware,
      dice: this.#dice,
      host: host.name,
      peerHost: peer.name,
      process,
      onOver: (connection) => host.connections.delete(connection),
    };
  }
}
