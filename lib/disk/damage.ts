import { ExitError } from "../exit.ts";

/**
 * A file of a memory is not as it was written. Damage keeps a memory from opening; `repair` can remove
 * it.
 */
export class Damage extends ExitError {
  /** @param offset in bytes; `undefined` if nothing of the file can be read */
  constructor(
    what: "journal" | "memory",
    readonly path: string,
    readonly offset: number | undefined,
    readonly why: string,
  ) {
    const place = offset === undefined ? "" : ` at byte ${offset}`;
    super("damaged", `Cannot read ${what} "${path}"${place}: ${why}`);
  }

  /** Returns an error that also names the command that repairs. */
  withRemedy(role: string): ExitError {
    const message = `${this.message}; "${role} repair" continues without the damaged part`;
    return new ExitError("damaged", message, { cause: this });
  }
}
