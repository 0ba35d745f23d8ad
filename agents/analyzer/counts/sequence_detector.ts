/**
 * Numbers that only count up, such as row numbers: they would crowd out what is measured.
 *
 * @module
 */
import { PAGE_NAMES_MAX } from "../bounds.ts";

/** From so many values on, a name with equal steps between them is a sequence. */
const VALUES_MIN = 16;

interface Steps {
  count: number;
  last: number;
  /** The step so far; 0 where the steps differ or are none. */
  step: number | undefined;
}

export class SequenceDetector {
  readonly #steps = new Map<string, Steps>();

  add(name: string, value: number): void {
    const steps = this.#steps.get(name);
    if (steps === undefined) {
      if (this.#steps.size < PAGE_NAMES_MAX) {
        this.#steps.set(name, { count: 1, last: value, step: undefined });
      }
      return;
    }
    const step = value - steps.last;
    steps.step = steps.step === undefined || steps.step === step ? step : 0;
    steps.last = value;
    steps.count++;
  }

  /** The names whose values are sequences. */
  names(): string[] {
    return [...this.#steps]
      .filter(([, { count, step }]) => count >= VALUES_MIN && step !== undefined && step !== 0)
      .map(([name]) => name);
  }
}
