/** What a handler waits at until the test opens it. */
export class Gate {
  readonly #reached = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();

  /** Resolves when the first handler waits. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  /** Resolves when the gate is open. */
  async pass(): Promise<void> {
    this.#reached.resolve();
    await this.#opened.promise;
  }

  /** Lets everybody pass from now on. */
  open(): void {
    this.#opened.resolve();
  }
}
