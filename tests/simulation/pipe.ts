import type { Dice } from "../harness/dice.ts";
import type { NetHardware } from "./net_hardware.ts";

/** A chunk that waits to be swapped with the next chunk is sent alone after at most this time. */
const SWAP_MS_MAX = 200;

/** What a pipe transports: the bytes of one write, the end of the stream, or a reset. */
export type Parcel = Uint8Array | "end" | "reset";

/** One direction of a connection. Without faults, parcels arrive whole, in order and delayed. */
export class Pipe {
  /** The number of bytes that were sent and not yet read. */
  unread = 0;
  readonly #from: string;
  readonly #to: string;
  readonly #hardware: NetHardware;
  readonly #dice: Dice;
  readonly #arrive: (parcel: Parcel) => void;
  #inFlight: { parcel: Parcel; dueAt: number }[] = [];
  #moving = false;
  #blocked = false;
  #delayed: Uint8Array | undefined;

  constructor(
    from: string,
    to: string,
    hardware: NetHardware,
    dice: Dice,
    arrive: (parcel: Parcel) => void,
  ) {
    this.#from = from;
    this.#to = to;
    this.#hardware = hardware;
    this.#dice = dice;
    this.#arrive = arrive;
  }

  /** Sends a chunk, which a fault may drop, duplicate or swap with the next one. */
  write(chunk: Uint8Array): void {
    const { faults } = this.#hardware;
    if (faults.strikes("drop")) return;
    if (this.#delayed === undefined && faults.strikes("swap")) return this.#delayForSwap(chunk);
    this.send(chunk);
    if (faults.strikes("duplicate")) this.send(chunk);
    this.#sendDelayed();
  }

  /** Sends the last parcel. */
  end(how: "end" | "reset"): void {
    this.#sendDelayed();
    this.send(how);
  }

  /** Sends a parcel. Of the faults, only `slow` and `delay` can strike it here. */
  send(parcel: Parcel): void {
    if (parcel instanceof Uint8Array) this.unread += parcel.length;
    const dueAt = this.#hardware.timeline.now + this.#hardware.latencyMs();
    this.#inFlight.push({ parcel, dueAt });
    if (!this.#moving) this.#moveNext();
  }

  /** Drops a random tail of the parcels in flight; all of them if the route is blocked. */
  cut(): void {
    this.#delayed = undefined;
    this.#inFlight.length = this.#blocked ? 0 : this.#dice.below(this.#inFlight.length + 1);
  }

  #delayForSwap(chunk: Uint8Array): void {
    this.#delayed = chunk;
    this.#hardware.timeline.after(this.#dice.next() * SWAP_MS_MAX, () => {
      if (this.#delayed === chunk) this.#sendDelayed();
    });
  }

  #sendDelayed(): void {
    const chunk = this.#delayed;
    if (chunk === undefined) return;
    this.#delayed = undefined;
    this.send(chunk);
  }

  #moveNext(): void {
    const [next] = this.#inFlight;
    this.#moving = next !== undefined;
    if (next === undefined) return;
    const { timeline } = this.#hardware;
    timeline.after(next.dueAt - timeline.now, () => this.#move());
  }

  #move(): void {
    this.#blocked = false;
    if (this.#inFlight.length === 0) {
      this.#moving = false;
    } else if (this.#hardware.passes(this.#from, this.#to)) {
      const { parcel } = this.#inFlight.shift()!;
      this.#arrive(parcel);
      this.#moveNext();
    } else {
      this.#blocked = true;
      this.#hardware.whenChanged(() => this.#move());
    }
  }
}
