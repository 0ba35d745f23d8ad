/**
 * What stops a start and can be taken away by `repair`.
 *
 * @module
 */
import { ExitError } from "../exit.ts";

/** A file of a memory is not as it was written. */
export class Damage extends ExitError {
  /** @param offset in bytes; left out where nothing of the file can be read */
  constructor(
    what: "journal" | "memory",
    readonly path: string,
    readonly offset: number | undefined,
    readonly why: string,
  ) {
    const place = offset === undefined ? "" : ` at byte ${offset}`;
    super("damaged", `Cannot read ${what} "${path}"${place}: ${why}`);
  }

  /** The same for people: with the command that repairs. */
  withRemedy(role: string): ExitError {
    const message = `${this.message}; "${role} repair" goes on without what is damaged`;
    return new ExitError("damaged", message, { cause: this });
  }
}
