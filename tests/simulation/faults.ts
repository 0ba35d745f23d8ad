import type { Dice } from "../harness/dice.ts";

/** What may go wrong by itself, how likely that is each time, and how often it did. */
export class Faults<Name extends string> {
  /** From 0, never, to 1, always. To be set at any time. */
  readonly chance: Record<Name, number>;
  readonly happened: Record<Name, number>;
  readonly #dice: Dice;
  readonly #atFirst: Readonly<Record<Name, number>>;

  constructor(dice: Dice, chance: Readonly<Record<Name, number>>) {
    this.#dice = dice;
    this.#atFirst = chance;
    this.chance = { ...chance };
    this.happened = { ...chance };
    for (const name in this.happened) this.happened[name] = 0;
  }

  /** Whether it happens now. */
  strikes(name: Name): boolean {
    const chance = this.chance[name];
    if (chance <= 0 || this.#dice.next() >= chance) return false;
    this.happened[name]++;
    return true;
  }

  /** As at the beginning. */
  calm(): void {
    Object.assign(this.chance, this.#atFirst);
  }
}
