/** Tests with many comparisons each. A failed test reports all differences, not only the first. */
export class Checks {
  #differences: string[] = [];
  /** Comparisons made so far. */
  count = 0;

  /** Declares a test that fails if any of its comparisons does. Tests run one after the other. */
  test(name: string, body: () => void | Promise<void>): void {
    Deno.test(name, async () => {
      this.#differences = [];
      await body();
      const { length } = this.#differences;
      if (length > 0) throw new Error(`${length} differences\n${this.#differences.join("\n")}`);
    });
  }

  /** Compares two values as JSON. `name` says in the report what they are. */
  equal(name: string, actual: unknown, expected: unknown): void {
    this.count++;
    const [is, should] = [actual, expected].map((value) => JSON.stringify(value));
    if (is !== should) this.#differences.push(`${name}: is ${is}, should be ${should}`);
  }
}
