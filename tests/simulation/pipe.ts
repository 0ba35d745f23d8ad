import type { Dice } from "../harness/dice.ts";
import type { NetHardware } from "./net_hardware.ts";

/** A chunk that is held back for the next one goes on its own after at most this time. */
const SWAP_MS_MAX = 200;

/** What goes through: what one write took, the end of the stream, or the end of the connection. */
export type Parcel = Uint8Array | "end" | "reset";

/** One direction of a connection: what is sent arrives whole, in order and after a while. */
export class Pipe {
  /** Bytes that were sent and that nobody has read yet. */
  unread = 0;
  readonly #from: string;
  readonly #to: string;
  readonly #hardware: NetHardware;
  readonly #dice: Dice;
  readonly #arrive: (parcel: Parcel) => void;
  #underWay: { parcel: Parcel; dueAt: number }[] = [];
  #moving = false;
  #stuck = false;
  #heldBack: Uint8Array | undefined;

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

  /** Sends a chunk, or what the faults of the net make of it. */
  write(chunk: Uint8Array): void {
    const { faults } = this.#hardware;
    if (faults.strikes("drop")) return;
    if (this.#heldBack === undefined && faults.strikes("swap")) return this.#holdBack(chunk);
    this.send(chunk);
    if (faults.strikes("duplicate")) this.send(chunk);
    this.#letGo();
  }

  /** Sends nothing more after this. */
  end(how: "end" | "reset"): void {
    this.#letGo();
    this.send(how);
  }

  send(parcel: Parcel): void {
    if (parcel instanceof Uint8Array) this.unread += parcel.length;
    const dueAt = this.#hardware.timeline.now + this.#hardware.latencyMs();
    this.#underWay.push({ parcel, dueAt });
    if (!this.#moving) this.#moveNext();
  }

  /** Of what is under way only a random first part still arrives; nothing, where no way is free. */
  cut(): void {
    this.#heldBack = undefined;
    this.#underWay.length = this.#stuck ? 0 : this.#dice.below(this.#underWay.length + 1);
  }

  #holdBack(chunk: Uint8Array): void {
    this.#heldBack = chunk;
    this.#hardware.timeline.after(this.#dice.next() * SWAP_MS_MAX, () => {
      if (this.#heldBack === chunk) this.#letGo();
    });
  }

  #letGo(): void {
    const chunk = this.#heldBack;
    if (chunk === undefined) return;
    this.#heldBack = undefined;
    this.send(chunk);
  }

  #moveNext(): void {
    const [next] = this.#underWay;
    this.#moving = next !== undefined;
    if (next === undefined) return;
    const { timeline } = this.#hardware;
    timeline.after(next.dueAt - timeline.now, () => this.#move());
  }

  #move(): void {
    this.#stuck = false;
    if (this.#underWay.length === 0) {
      this.#moving = false;
    } else if (this.#hardware.passes(this.#from, this.#to)) {
      const { parcel } = this.#underWay.shift()!;
      this.#arrive(parcel);
      this.#moveNext();
    } else {
      this.#stuck = true;
      this.#hardware.whenChanged(() => this.#move());
    }
  }
}
