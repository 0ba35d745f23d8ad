/**
 * How a program ends. The first six are the answers of a command; the others, after sysexits.h,
 * say why a role could not start or go on.
 *
 * @module
 */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  timed_out: 5,
  damaged: 65,
  port_busy: 69,
  stuck: 70,
  storage_failed: 74,
  locked: 75,
  not_permitted: 77,
  no_secret: 78,
} as const;

export type ExitReason = keyof typeof EXIT;

/** Ends the program: one line for people, and the exit code that goes with the reason. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly exitCode: number;

  constructor(readonly reason: ExitReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = EXIT[reason];
  }
}
