/** Compares much and tells all that is wrong at once, so that one fault does not hide another. */
export class Checks {
  #wrong: string[] = [];
  count = 0;

  /** Declares a test that fails where any of its comparisons does. */
  test(name: string, body: () => void | Promise<void>): void {
    Deno.test(name, async () => {
      this.#wrong = [];
      await body();
      const { length } = this.#wrong;
      if (length > 0) throw new Error(`${length} wrong\n${this.#wrong.join("\n")}`);
    });
  }

  equal(what: string, actual: unknown, expected: unknown): void {
    this.count++;
    const [is, should] = [actual, expected].map((value) => JSON.stringify(value));
    if (is !== should) this.#wrong.push(`${what}: is ${is}, should be ${should}`);
  }
}
