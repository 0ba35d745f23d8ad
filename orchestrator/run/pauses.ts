import type { Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";

/** A paused agent gets no new requests; a paused pipeline begins no tasks. */
export type Pausable = "agent" | "pipeline";

/**
 * What is paused, and since when; it survives a restart. A change holds at once, and its promise
 * resolves when the change is on disk.
 */
export class Pauses {
  readonly #memory: Pick<Memory, "get" | "commit">;
  readonly #clock: Clock;

  constructor(memory: Pick<Memory, "get" | "commit">, clock = SYSTEM.clock) {
    this.#memory = memory;
    this.#clock = clock;
  }

  /** Returns when the pause began, in ISO 8601, or `null` if there is none. */
  since(what: Pausable, name: string): string | null {
    return (this.#memory.get(keyOf(what, name)) ?? null) as string | null;
  }

  /** Pauses an agent or a pipeline. A pause that holds already goes on unchanged. */
  async pause(what: Pausable, name: string): Promise<void> {
    await this.#put(what, name, this.since(what, name) ?? this.#clock.date().toISOString());
  }

  /** Ends a pause, if there is one. */
  async resume(what: Pausable, name: string): Promise<void> {
    await this.#put(what, name, undefined);
  }

  /** Commits even an unchanged value: the same change may still be on its way to the disk. */
  async #put(what: Pausable, name: string, since: Json | undefined): Promise<void> {
    await this.#memory.commit(new Map([[keyOf(what, name), since]]));
  }
}

function keyOf(what: Pausable, name: string): string {
  return `paused/${what}/${name}`;
}
