/**
 * What is paused, and since when. It outlives a restart.
 *
 * @module
 */
import type { Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";

/** An agent that is paused is asked nothing new; a pipeline that is paused begins no task. */
export type Pausable = "agent" | "pipeline";

export class Pauses {
  readonly #memory: Pick<Memory, "get" | "commit">;
  readonly #clock: Clock;

  constructor(memory: Pick<Memory, "get" | "commit">, clock = SYSTEM.clock) {
    this.#memory = memory;
    this.#clock = clock;
  }

  /** The instant, in ISO 8601, of the pause; `null` where there is none. */
  since(what: Pausable, name: string): string | null {
    return (this.#memory.get(keyOf(what, name)) ?? null) as string | null;
  }

  /** Holds at once, and is on disk when this resolves. One that is paused stays as it is. */
  async pause(what: Pausable, name: string): Promise<void> {
    await this.#put(what, name, this.since(what, name) ?? this.#clock.date().toISOString());
  }

  /** Holds at once, and is on disk when this resolves; also of what is not paused. */
  async resume(what: Pausable, name: string): Promise<void> {
    await this.#put(what, name, undefined);
  }

  /** Written even where nothing changes: it waits for an earlier one that is on its way to disk. */
  async #put(what: Pausable, name: string, since: Json | undefined): Promise<void> {
    await this.#memory.commit(new Map([[keyOf(what, name), since]]));
  }
}

function keyOf(what: Pausable, name: string): string {
  return `paused/${what}/${name}`;
}
