import type { System } from "../../lib/system.ts";

/** Random characters at the end of an id, which keep the ids of two orchestrators apart. */
const RANDOM_CHARS = 5;

/**
 * Makes the ids of tasks. Ids sort by the time of submission: each has a millisecond of its own, even
 * if several tasks come at once or the wall clock goes back.
 */
export class TaskIds {
  readonly #system: Pick<System, "clock" | "random">;
  /** When the last id was made, in milliseconds since 1970. */
  #lastAt: number;

  /** @param last the id that was made last, by this process or an earlier one */
  constructor(system: Pick<System, "clock" | "random">, last: string | undefined) {
    this.#system = system;
    this.#lastAt = last === undefined ? 0 : timeOf(last);
  }

  /** Returns an id that sorts after all ids before it. */
  next(): string {
    const { clock, random } = this.#system;
    this.#lastAt = Math.max(clock.date().getTime(), this.#lastAt + 1);
    const time = this.#lastAt.toString(36).padStart(8, "0");
    const suffix = Math.floor(random() * 36 ** RANDOM_CHARS).toString(36);
    return `t${time}${suffix.padStart(RANDOM_CHARS, "0")}`;
  }
}

function timeOf(id: string): number {
  return parseInt(id.slice(1, -RANDOM_CHARS), 36);
}
