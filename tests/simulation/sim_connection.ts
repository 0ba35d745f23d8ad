import type { Connection } from "../../lib/system.ts";
import type { Dice } from "../harness/dice.ts";
import type { NetHardware } from "./net_hardware.ts";
import { type Parcel, Pipe } from "./pipe.ts";
import type { Process } from "./process.ts";
import { closedError, systemError } from "./system_errors.ts";

/** A write waits while more than this is unread. */
const WINDOW_BYTES = 256 * 1024;
/** The chance that a read returns fewer bytes than are available. */
const SPLIT_CHANCE = 0.2;

interface Read {
  readonly into: Uint8Array;
  readonly resolve: (read: number | null) => void;
  readonly reject: (error: Error) => void;
}

interface Write {
  readonly bytes: number;
  readonly resolve: (written: number) => void;
  readonly reject: (error: Error) => void;
}

/** What one side of a connection is attached to. */
export interface Wiring {
  readonly hardware: NetHardware;
  readonly dice: Dice;
  readonly host: string;
  readonly peerHost: string;
  readonly process: Process;
  /** Called when the connection is over, so that the host can forget it. */
  readonly onOver: (connection: SimConnection) => void;
}

/** One side of a connection. */
export class SimConnection implements Connection {
  readonly #wiring: Wiring;
  readonly #out: Pipe;
  #peer!: SimConnection;
  #received: Uint8Array[] = [];
  #ended = false;
  #broken = false;
  #closed = false;
  #reads: Read[] = [];
  #writes: Write[] = [];

  private constructor(wiring: Wiring) {
    this.#wiring = wiring;
    const { host, peerHost, hardware, dice } = wiring;
    const arrive = (parcel: Parcel): void => this.#peer.#take(parcel);
    this.#out = new Pipe(host, peerHost, hardware, dice, arrive);
  }

  /** Creates both sides of a new connection. */
  static pair(one: Wiring, other: Wiring): [SimConnection, SimConnection] {
    const pair: [SimConnection, SimConnection] = [new SimConnection(one), new SimConnection(other)];
    [pair[0].#peer, pair[1].#peer] = [pair[1], pair[0]];
    return pair;
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.#wiring.process.ended) return new Promise(() => {});
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#reads.push({ into, resolve, reject });
      this.#answerReads();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#wiring.process.ended) return new Promise(() => {});
    if (this.#closed) return Promise.reject(closedError());
    if (this.#broken) return Promise.reject(systemError("EPIPE"));
    if (this.#wiring.hardware.faults.strikes("reset")) this.reset();
    else this.#out.write(bytes.slice());
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes: bytes.length, resolve, reject });
      this.#answerWrites();
    });
  }

  get remoteAddr(): { readonly hostname: string } {
    return { hostname: this.#wiring.peerHost };
  }

  setNoDelay(): void {}

  close(): void {
    if (this.#wiring.process.ended) return;
    if (this.#closed) throw closedError();
    this.#fail(() => systemError("EINTR"));
    // As Linux does: closing with unread bytes resets the connection.
    this.#leave(this.#received.length > 0 ? "reset" : "end");
  }

  /** Resets the connection on both sides, even if a partition separates them. */
  reset(): void {
    const { hardware } = this.#wiring;
    for (const side of [this, this.#peer]) {
      side.#out.cut();
      hardware.timeline.after(hardware.latencyMs(), () => side.#take("reset"));
    }
  }

  /** Closes the connection after the process has ended, with an orderly end or a reset. */
  abandon(): void {
    if (!this.#closed) this.#leave(this.#wiring.dice.next() < 0.5 ? "reset" : "end");
  }

  /** Resets a connection that the listener has not accepted. */
  refuse(): void {
    if (!this.#closed) this.#leave("reset");
  }

  /** Drops the connection after a power cut; the peer is not notified. */
  vanish(): void {
    this.#closed = true;
    this.#out.cut();
  }

  #leave(how: "end" | "reset"): void {
    this.#closed = true;
    if (this.#broken) return;
    if (how === "reset") this.#out.cut();
    this.#out.end(how);
  }

  #take(parcel: Parcel): void {
    if (parcel === "reset") {
      if (this.#broken) return;
      this.#broken = true;
      this.#out.cut();
      this.#over();
    } else if (this.#closed && parcel !== "end") {
      this.#out.send("reset");
      return;
    } else if (parcel === "end") {
      this.#ended = true;
      if (this.#peer.#ended) this.#over();
    } else {
      this.#received.push(parcel);
    }
    this.#wiring.process.settle(() => {
      this.#answerReads();
      this.#answerWrites();
    });
  }

  /** Reports to both hosts that the connection is over. */
  #over(): void {
    for (const side of [this, this.#peer]) side.#wiring.onOver(side);
  }

  #answerReads(): void {
    for (let read; !this.#closed && (read = this.#reads[0]) !== undefined; this.#reads.shift()) {
      if (this.#received.length > 0) read.resolve(this.#fill(read.into));
      else if (this.#broken) read.reject(systemError("ECONNRESET"));
      else if (this.#ended) read.resolve(null);
      else break;
    }
  }

  #answerWrites(): void {
    if (this.#broken) {
      for (const { reject } of this.#writes.splice(0)) reject(systemError("ECONNRESET"));
    } else if (this.#out.unread <= WINDOW_BYTES) {
      for (const { bytes, resolve } of this.#writes.splice(0)) resolve(bytes);
    }
  }

  /** Moves received bytes to `into`: as many as fit, or sometimes fewer. Returns their number. */
  #fill(into: Uint8Array): number {
    const { dice } = this.#wiring;
    const available = this.#received.reduce((sum, { length }) => sum + length, 0);
    let count = Math.min(available, into.length);
    if (count > 1 && dice.next() < SPLIT_CHANCE) count = 1 + dice.below(count - 1);
    for (let at = 0; at < count;) {
      const part = this.#received[0].subarray(0, count - at);
      into.set(part, at);
      at += part.length;
      if (part.length === this.#received[0].length) this.#received.shift();
      else this.#received[0] = this.#received[0].subarray(part.length);
    }
    this.#peer.#out.unread -= count;
    this.#peer.#wiring.process.settle(() => this.#peer.#answerWrites());
    return count;
  }

  #fail(why: () => Error): void {
    for (const { reject } of [...this.#reads.splice(0), ...this.#writes.splice(0)]) reject(why());
  }
}
