import type { System } from "../../lib/system.ts";
import { Dice } from "../harness/dice.ts";
import { Machine } from "./machine.ts";
import { SimNet } from "./sim_net.ts";
import { Timeline } from "./timeline.ts";

const LIMIT_MS = 60_000;

/** Booted machines in one network, for tests of the simulated hardware. */
export class Started {
  readonly timeline = new Timeline();
  readonly net: SimNet;
  readonly machines: readonly Machine[];
  readonly systems: readonly System[];

  constructor(seed: number, ...names: string[]) {
    const dice = new Dice(seed);
    this.net = new SimNet(this.timeline, new Dice(dice.below(2 ** 32)));
    const { timeline, net } = this;
    this.machines = names.map((name) => new Machine({ name, timeline, net, dice }));
    this.systems = this.machines.map((machine) => machine.boot());
  }

  /** Lets virtual time pass until `work` settles; returns its value. */
  async until<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => void (settled = true);
    work.then(done, done);
    await this.timeline.run(() => settled, LIMIT_MS);
    return await work;
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    await this.until(new Promise<void>((resolve) => void this.timeline.after(ms, resolve)));
  }
}

/** Observes a promise: `state` is "pending", its value as text, or the name of its error. */
export function watched(work: Promise<unknown>): { readonly state: string } {
  const watch = { state: "pending" };
  work.then(
    (value) => watch.state = String(value),
    (error) => watch.state = error.name,
  );
  return watch;
}

/** Encodes text as UTF-8. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Decodes UTF-8; undefined stays undefined. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}
