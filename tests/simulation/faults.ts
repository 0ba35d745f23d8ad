import type { Dice } from "../harness/dice.ts";

/** Random faults: the chance of each, and how often each has struck. */
export class Faults<Name extends string> {
  /** The chance of each fault, from 0 (never) to 1 (always). May be changed at any time. */
  readonly chance: Record<Name, number>;
  /** How often each fault has struck. */
  readonly happened: Record<Name, number>;
  readonly #dice: Dice;
  readonly #initial: Readonly<Record<Name, number>>;

  constructor(dice: Dice, chance: Readonly<Record<Name, number>>) {
    this.#dice = dice;
    this.#initial = chance;
    this.chance = { ...chance };
    this.happened = { ...chance };
    for (const name in this.happened) this.happened[name] = 0;
  }

  /** Draws whether the fault strikes now, and counts it if it does. */
  strikes(name: Name): boolean {
    const chance = this.chance[name];
    if (chance <= 0 || this.#dice.next() >= chance) return false;
    this.happened[name]++;
    return true;
  }

  /** Sets all chances back to their initial values. */
  calm(): void {
    Object.assign(this.chance, this.#initial);
  }
}
