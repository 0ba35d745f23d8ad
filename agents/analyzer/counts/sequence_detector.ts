/**
 * Finds fields that only count up, such as row numbers: they are no measurements and would take the
 * place of fields that are.
 *
 * @module
 */
import { TALLY_NAMES_MAX } from "../bounds.ts";

/** Numbers that a field needs to be taken for a sequence. */
const NUMBERS_MIN = 16;

interface Steps {
  count: number;
  last: number;
  /**
   * The step between all numbers so far; 0 if the steps differ; undefined after the first number.
   */
  step: number | undefined;
}

/** Watches the numbers of each field for equal steps. */
export class SequenceDetector {
  readonly #steps = new Map<string, Steps>();

  /** Takes the next number of a field. */
  add(name: string, value: number): void {
    const steps = this.#steps.get(name);
    if (steps === undefined) {
      if (this.#steps.size < TALLY_NAMES_MAX) {
        this.#steps.set(name, { count: 1, last: value, step: undefined });
      }
      return;
    }
    const step = value - steps.last;
    steps.step = steps.step === undefined || steps.step === step ? step : 0;
    steps.last = value;
    steps.count++;
  }

  /** Returns the names of the fields whose numbers rise or fall by equal steps. */
  names(): string[] {
    return [...this.#steps]
      .filter(([, { count, step }]) => count >= NUMBERS_MIN && step !== undefined && step !== 0)
      .map(([name]) => name);
  }
}
