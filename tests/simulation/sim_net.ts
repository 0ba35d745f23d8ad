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

/** The network state in a host's kernel, which a power cut clears. */
interface Host {
  readonly name: string;
  readonly listeners: Map<number, SimListener>;
  readonly connections: Set<SimConnection>;
}

/** A simulated network: hosts by name, and TCP connections between them. */
export class SimNet {
  readonly #hardware: NetHardware;
  readonly #dice: Dice;
  readonly #hosts = new Map<string, Host>();

  constructor(timeline: Timeline, dice: Dice) {
    this.#dice = dice;
    this.#hardware = new NetHardware(timeline, dice);
  }

  /** The faults of the network, whose chances a test may change. */
  get faults(): Faults<NetFault> {
    return this.#hardware.faults;
  }

  /** Returns the network as a process on this host uses it. */
  attach(host: string, process: Process): Net {
    return {
      connect: (options) => this.#connect(this.#host(host), process, options),
      listen: (options) => this.#listen(this.#host(host), process, options),
    };
  }

  /** Lets the host respond from now on. */
  turnOn(host: string): void {
    this.#hardware.turnOn(host);
  }

  /** Closes all connections and listeners of the host, after its process has ended. */
  kill(name: string): void {
    const { connections, listeners } = this.#host(name);
    for (const listener of listeners.values()) listener.abandon();
    for (const connection of connections) connection.abandon();
  }

  /** Silences the host. After it is turned on again, it has forgotten its connections. */
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

  /** Blocks the traffic between two hosts; with `oneWay`, only from `one` to `other`. */
  partition(one: string, other: string, { oneWay = false } = {}): void {
    this.#hardware.block(one, other);
    if (!oneWay) this.#hardware.block(other, one);
  }

  /** Ends the partition between two hosts; without arguments, all partitions. */
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
      let aborted = false;
      const stop = (): void => {
        if (process.ended) return;
        aborted = true;
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
      const answer = (connection: SimConnection | undefined): void =>
        process.settle(() => {
          signal?.removeEventListener("abort", stop);
          if (aborted) connection?.close();
          else if (connection === undefined) reject(systemError("ECONNREFUSED"));
          else resolve(connection);
        });
      const attempt = (): void => {
        if (aborted || process.ended) return;
        if (!this.#reach(from, to)) return this.#hardware.whenChanged(attempt);
        const connection = this.#open(from, process, to, port);
        timeline.after(this.#hardware.latencyMs(), () => answer(connection));
      };
      timeline.after(this.#hardware.latencyMs(), attempt);
    });
  }

  #reach(from: Host, to: Host): boolean {
    return this.#hardware.passes(from.name, to.name) && this.#hardware.passes(to.name, from.name);
  }

  /** Opens a connection; returns undefined if no process listens on the port. */
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
